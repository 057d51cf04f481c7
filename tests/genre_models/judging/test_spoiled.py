"""Bad answers are bad in one way each."""

from __future__ import annotations

import random

import numpy as np

from genre_models.judging.signs import Answer
from genre_models.judging.spoiled import spoiled

PAIRS = [
    Answer(request="a note for Petra, 14 May", text="Petra comes. On 14 May we eat. Bring wine."),
    Answer(request="a note for Jonas, 3 June", text="Jonas sleeps. On 3 June we rest. Be quiet."),
]
MADE = spoiled(PAIRS, np.eye(2, 384, dtype=np.float32), random.Random(1))


def test_every_kind_is_made_of_every_pair_and_differs_from_it() -> None:
    kinds = {kind for kind, number, _ in MADE if number == 0}
    assert {"cut", "shuffled", "echo", "refusal", "placeholder", "of a similar request"} <= kinds
    for _, number, answer in MADE:
        assert answer.request == PAIRS[number].request and answer.text != PAIRS[number].text


def test_numbers_and_names_of_the_request_are_others() -> None:
    changed = {kind: answer.text for kind, number, answer in MADE if number == 0}
    assert "14" not in changed["numbers changed"] and "Petra" not in changed["names changed"]


def test_the_same_chance_makes_the_same() -> None:
    again = spoiled(PAIRS, np.eye(2, 384, dtype=np.float32), random.Random(1))
    assert again == MADE


def test_what_is_shuffled_is_laid_out_as_before() -> None:
    text = "Dear Petra,\n\nAll is well. Ole sleeps.\nBring wine."
    shuffled = {
        answer.text
        for seed in range(9)
        for kind, _, answer in spoiled(
            [Answer(request="a note", text=text), PAIRS[1]],
            np.eye(2, 384, dtype=np.float32),
            random.Random(seed),
        )
        if kind == "shuffled" and answer.request == "a note"
    }
    assert len(shuffled) > 1
    assert {(each.count("\n\n"), each.count("\n"), len(each)) for each in shuffled} == {
        (text.count("\n\n"), text.count("\n"), len(text))
    }
