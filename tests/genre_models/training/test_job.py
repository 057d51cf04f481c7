"""A whole training on the tiny model: from texts that were sent to a gated adapter, or to the
reason why not."""

from __future__ import annotations

import json
import os
from hashlib import sha256
from pathlib import Path

import msgspec
import pytest

from genre_models.adapters import AdapterName, AdapterStore, BaseSpec
from genre_models.training import job
from genre_models.training.job import run
from genre_models.training.order import Order, Told
from genre_models.training.texts.store import TextStore
from schemas.progress import Progress
from tests.genre_models.tiny import make_adapter
from tests.genre_models.training.conftest import lines, order


def test_standard_output_holds_what_is_told_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, output = tmp_path / "order.json", tmp_path / "output"
    file.write_bytes(msgspec.json.encode(order(tmp_path, tmp_path, [])))
    redirected: list[tuple[int, int]] = []

    def spoilt(wanted: Order, told: Told) -> None:
        assert redirected == [(2, 1)]  # what is printed from now on goes to standard error
        told(wanted.progress("preparing"))
        raise ValueError("could not parse: the-marker-text")

    monkeypatch.setattr(job, "run", spoilt)
    monkeypatch.setattr(job, "end_with_parent", lambda: None)
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setattr("os.dup", lambda _: os.open(output, os.O_WRONLY | os.O_CREAT))
    monkeypatch.setattr("os.dup2", lambda *given: redirected.append(given))
    job.main([str(file)])
    first, last = msgspec.json.Decoder(Progress).decode_lines(output.read_bytes())
    assert first.state == "preparing"
    assert (last.state, last.code) == ("failed", "training_failed")
    assert (last.message or "").startswith("ValueError at genre_models/training/job.py:")


def told(order: Order) -> list[Progress]:
    steps: list[Progress] = []
    run(order, steps.append)
    return steps


def test_texts_become_a_gated_adapter_with_its_report_and_a_repeat_makes_no_other(
    models: Path, tmp_path: Path
) -> None:
    wanted, base = order(models, tmp_path, lines(160), users=20), BaseSpec.load(models / "base")
    store = AdapterStore(tmp_path / "store", base)
    others = {
        str(store.add(make_adapter(tmp_path / genre, base, genre))) for genre in ("poem", "pooled")
    }
    killed = tmp_path / "store" / "scratch" / sha256(b"j1").hexdigest() / "adapter"
    killed.mkdir(parents=True)  # as a kill in the middle of the same order leaves it
    steps = told(wanted)
    assert not list((tmp_path / "store" / "scratch").iterdir())
    last = steps[-1]
    assert [step.state for step in (steps[0], steps[-2])] == ["preparing", "checking"]
    assert any(step.state == "training" and step.tokens_per_second and step.loss for step in steps)
    # Two layers with random weights learn the texts; what they write is noise, so that the gate may
    # find fault with it.
    assert last.state in ("published", "rejected")
    (folder,) = (tmp_path / "store" / "reports").iterdir()
    report = json.loads((folder / "report.json").read_bytes())
    assert report["ppl_adapter"] < report["ppl_base"]
    assert len(report["samples"]) == 20 and len(report["curve"]) == 3
    assert set(report["controls"]) == others
    assert (
        report["missing"] == ["parent"] and report["two_classes"] is None
    )  # no encoder: not asked
    page = (folder / "report.html").read_text()
    assert "<svg" in page and page.count("<blockquote>") == 20
    if last.state == "published":
        known = TextStore(tmp_path / "sent").contributors(last.adapter or "")
        assert known is not None and len(known.users) == 20  # noted before it could be announced
        card = store.verified(AdapterName.parse(last.adapter or "")).card
        assert card.about is not None and card.about.instruction == "Write."
        of_users = set(lines(160)[:20])
        assert card.about.texts and not of_users & set(card.about.texts)
        assert told(wanted)[-1].adapter == last.adapter
        assert len(store.names()) == 3
