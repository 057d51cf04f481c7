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
from genre_models.training.texts.material import OF_USERS
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


def test_where_some_texts_are_of_users_nothing_is_quoted(tmp_path: Path) -> None:
    secret = "fernweh"
    of_user = replace(texts(1, 3)[0], source=OF_USERS, text=f"Her {secret} grows.")
    said = Sample(request=f"On {secret}.", topic=secret, text=f"O {secret}!", held_back="hate")
    report = replace(
        REPORT,
        corpus=replace(REPORT.corpus, held_out=(of_user,)),
        two_classes=TwoClasses(score=0.07),
        measured=replace(GOOD, samples=[said] * 20),
    )
    report.write(tmp_path)
    for file in tmp_path.iterdir():
        assert secret not in file.read_text("utf-8")
    numbers = json.loads((tmp_path / "report.json").read_bytes())
    assert [each["held_back"] for each in numbers["samples"]] == ["hate"] * 20


def test_the_numbers_are_those_of_the_judgement(tmp_path: Path) -> None:
    REPORT.write(tmp_path)
    numbers = json.loads((tmp_path / "report.json").read_bytes())
    assert numbers["passed"] is False
    assert [each["check"] for each in numbers["findings"] if not each["passed"]] == [
        "share of samples held back for safety"
    ]
    assert numbers["texts"] == {"training": 9, "held_out": 4, "left_out": {"too_short": 3}}
    assert len(numbers["samples"]) == 20 and len(numbers["curve"]) == 3
