"""A row from its prompt to its last word."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

import pytest

from genre_models.endings import Ending, Unit
from genre_models.engine import Finished, Generation, Piece, Prompt
from genre_models.engine.row import Row
from genre_models.engine.sampling import Choice
from genre_models.engine.writing import Writing
from tests.genre_models.tiny import make_tokenizer

TOKENIZER = make_tokenizer()
END = int(TOKENIZER.eos_token_id)
ENDS = frozenset({END})


def row(**wished: Any) -> Row:
    generation = Generation(id="r", prompt=Prompt(system="", user=""), **wished)
    return Row(generation, (1, 2, 3), (), Writing(TOKENIZER, generation.stop))


def written(given: Row, text: str, *, ended: bool = False) -> list[Piece | Finished]:
    """What comes of a row that writes a text, one token a byte, each with a logprob of -1."""
    tokens: list[int] = TOKENIZER(text, add_special_tokens=False).input_ids
    events: list[Piece | Finished] = []
    for token in [*tokens, *([END] if ended else [])]:
        if not given.ended:
            events += given.take(Choice(token=token, logprob=-1.0), ENDS)
    return events


@pytest.mark.parametrize(
    ("wished", "ended", "text", "reason"),
    [
        ({}, True, "a cat", "stop"),
        ({"max_tokens": 3}, True, "a c", "length"),
        ({"max_tokens": 5}, False, "a cat", "length"),
        ({"stop": ("ca",)}, False, "a ", "stop"),
    ],
)
def test_a_row_ends_once_with_its_text(
    wished: dict[str, Any], ended: bool, text: str, reason: str
) -> None:
    given = row(**wished)
    *pieces, end = written(given, "a cat", ended=ended)
    assert isinstance(end, Finished) and given.ended
    assert (end.text, end.reason) == (text, reason)
    assert "".join(each.text for each in pieces) == text
    assert (end.tokens_in, end.tokens_out, end.logprob) == (3, given.written, -1.0)


def test_a_row_whose_logits_are_not_finite_fails_with_what_it_had() -> None:
    given = row()
    written(given, "a c")
    (end,) = given.take(None, ENDS)
    assert isinstance(end, Finished)
    assert (end.text, end.reason, end.code, end.tokens_out) == ("a c", "failed", "not_finite", 3)


def test_the_next_token_belongs_behind_the_last_and_is_drawn_by_its_place() -> None:
    given = row(seed=7, temperature=0.5)
    written(given, "a c")
    assert given.position == 3 + 3 - 1
    sampling = given.sampling
    assert (sampling.seed, sampling.position, sampling.temperature) == (7, 3, 0.5)
    assert len(sampling.written) == 3


def test_a_row_waits_for_all_of_its_adapters() -> None:
    reading: list[Future[Any]] = [Future(), Future()]
    given = row(blend=(("joke@000000000000", 0.5), ("poem@000000000000", 0.25)))
    given.loading = tuple(zip(reading, (0.5, 0.25), strict=True))
    ready = [given.ready]
    for future, name in zip(reading, "ab", strict=True):
        future.set_result(name)
        ready.append(given.ready)
    assert ready == [False, False, True]
    blend: Any = given.blend
    assert blend == (("a", 0.5), ("b", 0.25))
    assert given.flows == (("user", ""), ("genre", "joke+poem"))


@pytest.mark.parametrize(
    ("wished", "text", "reason"),
    [
        ({"usual_tokens": 5}, "Hi. It is so. Mo.", "stop"),
        ({"usual_tokens": 5, "ending": Ending(closing="Answer:")}, "Hi. It is so. Mo. I", "length"),
        ({"usual_tokens": 5, "ending": Ending(unit="couplet")}, "Hi. It is so. Mo.", "stop"),
        ({}, "Hi. It is so. Mo. I", "length"),
    ],
)
def test_near_its_limit_a_row_ends_where_its_text_may(
    wished: dict[str, Any], text: str, reason: str
) -> None:
    *pieces, end = written(row(max_tokens=19, **wished), "Hi. It is so. Mo. It goes on")
    assert isinstance(end, Finished)
    assert (end.text, end.reason) == (text, reason)
    assert "".join(each.text for each in pieces) == text


def test_from_its_usual_length_on_a_row_may_end() -> None:
    given = row(usual_tokens=3)
    said = []
    for sign in "a cat":
        said.append(given.may_end)
        written(given, sign)
    assert said == [False, False, False, True, True]
    assert not row().may_end


@pytest.mark.parametrize(
    ("unit", "text", "reason"),
    [
        ("line", "a crow\na gate\n", "stop"),
        ("couplet", "a crow\na gate\n", "stop"),
        ("sentence", "a crow\na gate\nsn", "length"),
    ],
)
def test_verse_ends_with_a_line(unit: Unit, text: str, reason: str) -> None:
    given = row(max_tokens=16, usual_tokens=5, ending=Ending(unit=unit))
    *_, end = written(given, "a crow\na gate\nsnow falls")
    assert isinstance(end, Finished)
    assert (end.text, end.reason) == (text, reason)
