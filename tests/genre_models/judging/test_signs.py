"""Each sign is about one thing."""

from __future__ import annotations

import numpy as np
import pytest

from genre_models.judging.signs import SIGNS, Answer, signs

REQUEST = "an invitation for Petra and Ole on 14 May, table for 12 guests at 19:30"
TEXT = "Dear Petra, dear Ole, on 14 May a table for 12 guests waits at 19:30. We cannot wait."


def sign(name: str, text: str, request: str = REQUEST) -> float:
    """One sign of an answer; both embeddings are the same."""
    row = np.eye(1, 384, dtype=np.float32)
    return float(signs([Answer(request=request, text=text)], row, row)[0, list(SIGNS).index(name)])


@pytest.mark.parametrize(
    ("name", "change", "higher"),
    [
        ("numbers", ("14 May", "15 May"), False),
        ("new_numbers", ("14 May", "15 May"), True),
        ("measures", ("12 guests", "12 chairs"), False),
        ("names", ("Ole", "Nils"), False),
        ("new_names", ("Ole", "Nils"), True),
        ("placeholder", ("Petra", "[Name]"), True),
        ("preamble", ("Dear Petra", "Sure! Here it is: Dear Petra"), True),
        ("refusal", ("Dear", "I'm sorry, but I can't write that. Dear"), True),
        ("copied", ("Dear Petra", f"{REQUEST}. Dear Petra"), True),
        ("contradiction", ("We cannot", "All 13 guests are welcome. We cannot"), True),
        ("sentences", ("We cannot wait", "We cannot wait. We cannot wait"), True),
        ("opening", ("Dear Petra", "The sea is calm. Dear Petra"), False),
        ("close", ("We cannot wait.", "We cannot wait to see all of you, and to dance."), True),
        ("introductions", ("on 14 May a table", "the table is laid. On 14 May a table"), True),
        ("letter", ("We cannot wait", "Hello again. We cannot wait"), True),
        ("letter", ("Dear Petra", "Kind regards.\nDear Petra. Ole comes. All come"), True),
        ("task", ("We cannot", "Feel free to change it. We cannot"), True),
    ],
)
def test_a_sign_moves_with_what_it_is_about(
    name: str, change: tuple[str, str], higher: bool
) -> None:
    before, after = sign(name, TEXT), sign(name, TEXT.replace(*change))
    assert after > before if higher else after < before


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("introductions", "A table waits. The table is long, and a lamp stands on it."),
        ("letter", "Dear Petra, dear Ole,\nAll are welcome.\nKind regards,\nYours,\nAnna"),
        ("letter", "Love is in the air tonight. Yours is the moon. We dance. We sing. We eat."),
    ],
)
def test_a_text_in_order_does_not_have_the_sign(name: str, text: str) -> None:
    assert sign(name, text) == 0.0


def test_what_is_not_asked_for_is_not_missed() -> None:
    for name in ("names", "numbers", "measures", "covers"):
        assert sign(name, "Fog.", request="write it") == 1.0


@pytest.mark.parametrize("sign", ["", " ", "?", "\n", "12 ", "1", "[", "(your name", "Aa. ", "xx"])
def test_any_text_has_finite_signs_in_time_in_proportion_to_it(sign: str) -> None:
    """A quadratic pattern would take minutes for the longest request."""
    row = np.eye(1, 384, dtype=np.float32)
    answer = Answer(request=(sign * 32_768)[:32_768], text=(sign * 8_192)[:8_192])
    assert np.isfinite(signs([answer], row, row)).all()
