"""Which letters are meant, and what is said of them."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import orjson
import pytest
from typer.testing import CliRunner

from agents.commands.dlq import choice
from agents.commands.tail import as_json
from agents.main import cli
from schemas.errors import InvalidEvent, Rejected
from streams.clients.embedded_broker import EmbeddedBroker
from streams.clients.kafka import producer
from streams.wire.dead_letters import dead_letter
from streams.wire.headers import Headers
from streams.wire.source import Source


def letter(offset: int, code: str = "not_json", headers: Headers = ()) -> Source:
    """A letter of 2026-03-04, as many hours after midnight as its offset; its record stood at 7."""
    record = Source(
        topic="genre.requests",
        partition=2,
        offset=7,
        timestamp=1.0,
        key=b"ada",
        value=b"{",
        headers=headers,
    )
    written = dead_letter(record, InvalidEvent(code, "Expected JSON."), group="g", stage="s")
    return Source(
        topic=written.topic,
        partition=0,
        offset=offset,
        timestamp=1_772_582_400.0 + 3600 * offset,
        key=written.key,
        value=written.value,
        headers=written.headers,
    )


def test_a_letter_that_is_nested_too_deeply_to_be_printed_is_shown_as_text() -> None:
    deep = b"[" * 900 + b"]" * 900
    shown = as_json(replace(letter(0), value=deep))
    assert shown["value"] == deep.decode()
    assert orjson.dumps(shown)


@pytest.mark.parametrize(
    ("options", "offsets"),
    [
        ((None, None, None, None, None), [0, 1, 2, 3]),
        (("not_json", None, None, None, None), [0, 1, 3]),
        ((None, "2026-03-04T01:00:00Z", None, None, None), [1, 2, 3]),
        ((None, "2026-03-04T02:00:00+01:00", "2026-03-04T03:00", None, None), [1, 2]),
        ((None, None, "2026-03-05", None, None), [0, 1, 2, 3]),
        ((None, None, None, ["0@1", "0@3", "1@0"], None), [1, 3]),
        ((None, None, None, None, ["mine"]), [3]),
        ((None, None, None, None, ["genre.requests-2-7-1000"]), [0, 1, 2]),
        (("too_long", None, "2026-03-04T02:00Z", None, None), []),
    ],
)
def test_letters_are_meant_by_all_options_together(
    options: tuple[str | None, str | None, str | None, list[str] | None, list[str] | None],
    offsets: list[int],
) -> None:
    mine = letter(3, headers=(("ce_id", b"mine"),))
    letters = [letter(0), letter(1), letter(2, "too_long"), mine]
    assert [each.offset for each in filter(choice(*options), letters)] == offsets


def test_a_time_that_is_none_is_refused_with_its_option() -> None:
    with pytest.raises(Rejected, match=r"--until to be a time .*, got 'tomorrow'") as caught:
        choice(None, None, "tomorrow", None, None)
    assert caught.value.code == "bad_time"


async def test_a_letter_is_listed_shown_and_replayed_once(
    broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in broker.settings.environment().items():
        monkeypatch.setenv(name, value)
    async with producer(broker.settings) as sender:
        for offset in range(2):
            written = letter(offset)
            await sender.send_and_wait(
                written.topic,
                written.value,
                key=written.key,
                headers=list(written.headers),
                timestamp_ms=int(written.timestamp * 1000),
            )
    replay = ("dlq", "replay", "requests", "--since", "2026-03-04T01:00Z", "--json")
    assert [await told(*replay), await told(*replay)] == [[{"replayed": 1}], [{"replayed": 0}]]
    (listed,) = await told("dlq", "list", "--json")
    assert listed == {"topic": "genre.requests", "code": "not_json", "letters": 2, "replayed": 1}
    shown = await told("dlq", "show", "requests", "--json")
    assert [each["replayed"] for each in shown] == [False, True]


async def told(*arguments: str) -> list[dict[str, object]]:
    """What a command prints, one object a line."""
    result = await asyncio.to_thread(CliRunner().invoke, cli, arguments)
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]
