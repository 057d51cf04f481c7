"""The learned score: what it reads of a text, and how it is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genre_models.encoder import SentenceEncoder
from genre_models.safety import learned
from genre_models.safety.fitting import fitted
from genre_models.safety.learned import (
    DOUBT,
    PIECES,
    Floats,
    Learned,
    Opinion,
    add_opinions,
    log_odds,
    probable,
)
from genre_models.safety.words import Unit
from schemas.errors import ModelError
from tests.genre_models.safety.toy import AUTHORS, EXAMPLES, Toy


@pytest.fixture(name="toy")
def _toy() -> Learned:
    return fitted(EXAMPLES, [each.text for each in EXAMPLES], Toy().rows, aside=AUTHORS)


def test_harm_at_the_end_of_a_long_text_is_found_and_few_pieces_are_read(toy: Learned) -> None:
    encoder = Toy()
    long = "mix a cake from flour today. " * 2000 + "mix a bomb from fertiliser now."
    (found,) = toy.scores([long], encoder.rows)
    assert len(encoder.asked) == PIECES
    assert (
        found.probability > toy.scores(["mix a cake from flour today"], encoder.rows)[0].probability
    )
    assert any("bomb" in piece for piece in encoder.asked)


def test_what_is_saved_is_read_again(toy: Learned) -> None:
    read = Learned.from_bytes(toy.to_bytes())
    texts = [each.text for each in EXAMPLES]
    before, after = toy.scores(texts, Toy().rows), read.scores(texts, Toy().rows)
    assert (
        max(abs(a.probability - b.probability) for a, b in zip(before, after, strict=True)) < 0.05
    )


def test_the_opinion_is_heard_on_texts_in_doubt_alone(toy: Learned) -> None:
    texts = [each.text for each in EXAMPLES]
    odds, _ = toy.odds(toy.values(texts, Toy().rows))
    asked: list[str] = []

    def opinion(texts: Sequence[str]) -> Floats:
        asked.extend(texts)
        return np.full(len(texts), -2.0, np.float32)

    told = toy.scores(texts, Toy().rows, [Opinion(odds=opinion)])
    alone = toy.scores(texts, Toy().rows)
    doubtful = [text for text, each in zip(texts, odds, strict=True) if each >= DOUBT]
    assert asked == doubtful and 0 < len(doubtful) < len(texts)
    changed = [one != other for one, other in zip(told, alone, strict=True)]
    assert changed == [text in doubtful for text in texts]


def test_of_a_long_text_the_part_in_doubt_alone_gets_an_opinion(toy: Learned) -> None:
    long = "mix a cake from flour today. " * 200 + "mix a bomb from fertiliser now."
    asked: list[str] = []

    def opinion(texts: Sequence[str]) -> Floats:
        asked.extend(texts)
        return np.full(len(texts), -20.0, np.float32)

    (alone,) = toy.scores([long], Toy().rows)
    (told,) = toy.scores([long], Toy().rows, [Opinion(odds=opinion)])
    assert len(asked) == 1 and "bomb" in asked[0]
    assert told.probability < alone.probability


def test_an_opinion_is_asked_about_what_those_before_it_leave_in_its_range() -> None:
    asked: list[list[str]] = []

    def opinion(texts: Sequence[str]) -> Floats:
        asked.append(list(texts))
        return np.ones(len(texts), np.float32)

    odds = np.array([-2.0, -1.0, 0.5, 2.0], np.float32)
    opinions = [
        Opinion(odds=opinion, least=-1.0),
        Opinion(odds=opinion, least=0.0, most=3.0),
        Opinion(odds=opinion, least=9.0),
    ]
    add_opinions(opinions, odds, ["a", "b", "c", "d"])
    assert odds.tolist() == [-2.0, 1.0, 2.5, 3.0]
    assert asked == [["b", "c", "d"], ["b", "c"]]


@given(st.floats(-15, 15))
def test_log_odds_are_those_of_the_probability(odds: float) -> None:
    assert log_odds(probable(odds)) == pytest.approx(odds, abs=1e-3)
    assert log_odds(0.0) == pytest.approx(-20) and log_odds(1.0) == pytest.approx(20)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x80\x04."])
def test_weights_that_cannot_be_read_are_refused(content: bytes) -> None:
    with pytest.raises(ModelError, match=r"expected a fitted score, got .*: fit it again"):
        Learned.from_bytes(content)


@pytest.mark.parametrize(("by", "most"), [("words", 600), ("pieces", 200)])
def test_parts_hold_the_whole_text_and_end_with_sentences(by: Unit, most: int) -> None:
    toy = fitted(EXAMPLES, [each.text for each in EXAMPLES], Toy().rows, aside=AUTHORS, by=by)
    text = (
        "Mix it. " * (most // 8) + "Stir it well! \u706b\u8f66\u6765\u4e86\u3002" + "a" * 2 * most
    )
    parts = toy._cut(text)
    assert "".join("".join(parts).split()) == "".join(text.split())
    assert all(len(part) <= most for part in parts) and parts[0].endswith("it.")


def test_what_is_read_to_its_end_and_leaves_no_doubt_overrules(toy: Learned) -> None:
    cake, bomb = "mix a cake from flour today.", "mix a bomb from fertiliser now."
    short, long, harm = toy.scores([cake, " ".join([cake] * 9), bomb], Toy().rows)
    assert log_odds(short.probability) < DOUBT and log_odds(long.probability) < DOUBT
    assert (short.overrules, long.overrules, harm.overrules) == (True, False, False)
    shifts = toy.shifts + DOUBT - log_odds(short.probability) + 0.1
    doubted = replace(toy, shifts=shifts, threshold=0.9)
    [found] = doubted.scores([cake], Toy().rows)
    assert not found.overrules and not found.is_harmful


def test_the_encoder_reads_to_its_end_what_overrules(encoder: SentenceEncoder) -> None:
    """Whatever is at the end is seen: no prefix of so many characters fills the encoder."""
    most = learned._WHOLE["words"]
    for dense in ("1 ", "\u4e00", ".", "a1", "\u1e69\u0323"):
        text = (dense * most)[: most - 6] + " harm."
        assert encoder._tokens([text])[0][-3:-1] == encoder._tokens(["harm."])[0][1:3]
