"""The page of an adapter says what was found, and executes nothing of what people sent."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from genre_models.corpora import Corpus, Prepared
from genre_models.corpora.preprocessing import Step
from genre_models.training.gate.gate import judge
from genre_models.training.gate.report import Report
from genre_models.training.gate.samples import Sample
from genre_models.training.texts.two_classes import TwoClasses
from genre_models.training.trainer import Trained
from tests.genre_models.training.gate.test_gate import GOOD
from tests.genre_models.training.sentences import texts

SCRIPT = "<script>alert(1)</script>"
MEASURED = replace(
    GOOD, samples=[Sample(request=f"About {SCRIPT}", text=SCRIPT, held_back="hate")] * 20
)
REPORT = Report(
    name=f"haiku {SCRIPT}",
    corpus=Corpus(genre="haiku", licence="CC0", training=texts(9, 1), held_out=texts(4, 2)),
    prepared=Prepared(texts=texts(13, 1), steps=(Step(rule="too_short", removed=3, changed=0),)),
    two_classes=TwoClasses(score=0.07, one=SCRIPT, other="Any cat shall be void."),
    trained=Trained(
        tensors={},
        base_loss=3.6,
        loss=3.0,
        epochs=2.0,
        target_tokens=100,
        seconds=7.0,
        curve=((0.0, 3.6), (1.0, 3.1), (2.0, 3.0)),
    ),
    measured=MEASURED,
    judgement=judge("haiku", MEASURED),
)


def test_the_page_escapes_every_text_and_says_why_an_adapter_was_rejected(tmp_path: Path) -> None:
    page = REPORT.write(tmp_path).read_text("utf-8")
    assert "<script" not in page and page.count("&lt;script&gt;") == 2 + 2 * 20 + 1
    assert "rejected" in page and "share of samples held back for safety" in page
    assert "9 training texts, 4 held out; left out: 3 too_short" in page
    assert "two genres under one name (0.07)" in page
    assert "36.6 &rarr; 20.1" in page  # perplexities: exp(3.6), exp(3.0)


def test_the_numbers_are_those_of_the_judgement(tmp_path: Path) -> None:
    REPORT.write(tmp_path)
    numbers = json.loads((tmp_path / "report.json").read_bytes())
    assert numbers["passed"] is False
    assert [each["check"] for each in numbers["findings"] if not each["passed"]] == [
        "share of samples held back for safety"
    ]
    assert numbers["texts"] == {"training": 9, "held_out": 4, "left_out": {"too_short": 3}}
    assert len(numbers["samples"]) == 20 and len(numbers["curve"]) == 3
