"""What the judge that comes with GENRE says of answers, and that it says why."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.stand_ins import InstantEncoder
from genre_models.judging import Answer, Judge
from genre_models.judging.signs import SIGNS
from schemas.errors import ModelError

REQUEST = "Write a product description for the Merle drill, 18 V, 60 Nm."
GOOD = (
    "The Merle is a compact drill for shelves, decks and flat-pack evenings. Its 18 V battery "
    "drives 60 Nm through hardwood, and the grip stays cool in a long day's work."
)


@pytest.fixture(name="judge", scope="module")
def _judge() -> Judge:
    return Judge.load()


def judged(judge: Judge, text: str, broken_off: bool = False) -> tuple[float, str]:
    """Probability and remarks, meaning left aside: the embeddings are those of the good text."""
    row = InstantEncoder().encode([GOOD])
    (found,) = judge.judged([Answer(request=REQUEST, text=text, broken_off=broken_off)], row, row)
    return found.probability, ", ".join(found.remarks)


@pytest.mark.parametrize(
    ("text", "remark"),
    [
        ("I'm sorry, but I can't help with that request.", "refuses"),
        (f"Sure! Here is your text:\n\n{GOOD}", "has a preamble"),
        (GOOD.replace("Merle", "[Product Name]"), "leaves a placeholder"),
        (REQUEST, "repeats the request"),
        (" ".join([GOOD.split(". ")[0] + "."] * 6), "repeats"),
    ],
)
def test_a_bad_answer_is_below_a_good_one_and_says_why(
    judge: Judge, text: str, remark: str
) -> None:
    good, _ = judged(judge, GOOD)
    bad, remarks = judged(judge, text)
    assert bad < good / 2 and remark in remarks


def test_what_breaks_off_is_below_what_does_not(judge: Judge) -> None:
    assert judged(judge, GOOD[:-20], broken_off=True)[0] < judged(judge, GOOD)[0] / 2


def test_each_sign_has_its_part_and_directions_count_to_the_first(judge: Judge) -> None:
    row = InstantEncoder().encode([GOOD])
    parts = judge.parts([Answer(request=REQUEST, text=GOOD)], row, row)
    assert parts.shape == (1, len(SIGNS)) and np.isfinite(parts).all()


def test_no_answers_are_no_judgements(judge: Judge) -> None:
    nothing = np.zeros((0, 384), np.float32)
    assert judge.judged([], nothing, nothing) == []


def test_the_report_on_another_authors_pairs_is_kept_with_it(judge: Judge) -> None:
    areas = judge.weights.report["auroc"]
    assert isinstance(areas, dict) and areas["of a similar request"] > 0.85


@pytest.mark.parametrize("content", [b"", b"{}", b'{"signs": {}, "directions": []}'])
def test_a_file_that_is_no_judge_is_refused_with_what_to_do(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "judge.json").write_bytes(content)
    with pytest.raises(ModelError, match=r"python -m genre_models\.judging"):
        Judge.load(tmp_path / "judge.json")
