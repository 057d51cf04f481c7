"""The learned score: what it reads of a text, and how it is kept."""

from __future__ import annotations

import pytest

from genre_models.safety import learned
from genre_models.safety.fitting import fitted
from genre_models.safety.learned import PIECES, Learned
from schemas.errors import ModelError
from tests.genre_models.safety.toy import EXAMPLES, Toy


@pytest.fixture(name="toy")
def _toy(monkeypatch: pytest.MonkeyPatch) -> Learned:
    monkeypatch.setattr(learned, "learned_from", lambda: tuple(EXAMPLES))
    return fitted(EXAMPLES, [each.text for each in EXAMPLES], Toy())


def test_harm_at_the_end_of_a_long_text_is_found_and_few_pieces_are_read(toy: Learned) -> None:
    encoder = Toy()
    long = "mix a cake from flour today. " * 2000 + "mix a bomb from fertiliser now."
    (found,) = toy.scores([long], encoder)
    assert len(encoder.asked) == PIECES
    assert found.probability > toy.scores(["mix a cake from flour today"], encoder)[0].probability
    assert any("bomb" in piece for piece in encoder.asked)


def test_what_is_saved_is_read_again(toy: Learned) -> None:
    read = Learned.from_bytes(toy.to_bytes())
    texts = [each.text for each in EXAMPLES]
    before, after = toy.scores(texts, Toy()), read.scores(texts, Toy())
    assert (
        max(abs(a.probability - b.probability) for a, b in zip(before, after, strict=True)) < 0.05
    )


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x80\x04."])
def test_weights_that_cannot_be_read_are_refused(content: bytes) -> None:
    with pytest.raises(ModelError, match=r"expected a fitted score, got .*: fit it again"):
        Learned.from_bytes(content)


def test_weights_of_other_requests_are_refused(
    toy: Learned, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(learned, "learned_from", lambda: tuple(EXAMPLES[1:]))
    with pytest.raises(ModelError, match=rf"{len(EXAMPLES) - 1} examples, got {len(EXAMPLES)}\b"):
        Learned.from_bytes(toy.to_bytes())
