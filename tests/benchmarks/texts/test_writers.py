"""The product in one process, on an instant engine."""

from __future__ import annotations

from typing import Any

from benchmarks.stand_ins import InstantEngine
from benchmarks.texts.wanted import Wanted
from benchmarks.texts.writers import Product, Shown, plainly
from genre_models.engine import Generation
from streams.settings import Settings
from tests.agents.generate.conftest import start

WANTED = [
    Wanted(genre="joke", request="a joke about fog", others=()),
    Wanted(genre="headline", request="seals on the ferry's ramp", others=()),
]

__all__ = ["start"]


class Noting(InstantEngine):
    """Notes its rows."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[Generation] = []

    def submit(self, rows: Any) -> None:
        self.rows.extend(rows)
        super().submit(rows)


def test_a_text_is_written_with_its_genres_adapter_and_length_or_by_the_base() -> None:
    engine = Noting()
    shown = plainly(engine, WANTED, {"joke": "joke@0123456789ab"})
    assert [each.adapter for each in engine.rows] == ["joke@0123456789ab", None]
    assert engine.rows[0].max_tokens > engine.rows[1].max_tokens
    assert "joke@0123456789ab" in shown[0].text
    assert "base" in shown[1].text


async def test_a_stranger_gets_the_text_on_top_of_several(start) -> None:  # type: ignore[no-untyped-def]
    engine = Noting()
    writer = start(engine)
    shown = await Product(Settings(), writer, writer.library.registry).write(WANTED, 1)
    assert [each.failure for each in shown] == [None, None]
    assert shown[0].text.startswith("a joke about fog")
    assert shown[1].text.startswith("seals on the ferry")
    assert len(engine.rows) >= 8
    again = Noting()
    writer = start(again)
    await Product(Settings(), writer, writer.library.registry).write(WANTED, 2)
    assert {row.seed for row in again.rows} == {row.seed for row in engine.rows}


async def test_a_request_that_is_refused_gives_no_text(start) -> None:  # type: ignore[no-untyped-def]
    writer = start(Noting())
    unknown = Wanted(genre="limerick", request="a limerick about fog", others=())
    shown = await Product(Settings(), writer, writer.library.registry).write([unknown, *WANTED], 2)
    assert shown[0] == Shown(failure="unknown_genre")
    assert all(each.text for each in shown[1:])
