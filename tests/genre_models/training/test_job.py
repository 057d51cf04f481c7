"""A whole training on the tiny model: from texts that were sent to a gated adapter, or to the
reason why not."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import msgspec
import pytest
from transformers import AutoModelForCausalLM, GPTNeoXConfig

from genre_models.adapters import AdapterName, AdapterStore, BaseSpec
from genre_models.training import job
from genre_models.training.job import run
from genre_models.training.order import Order, Told
from genre_models.training.texts.store import TextStore
from genre_models.weights import prepare_base
from schemas.errors import ModelError
from schemas.progress import Progress
from tests.genre_models.tiny import make_adapter, make_base, make_tokenizer
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


def test_a_base_that_adapters_cannot_be_trained_on_says_so_before_it_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = tmp_path / "mine"
    config = GPTNeoXConfig(
        vocab_size=259,
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        eos_token_id=2,
    )
    AutoModelForCausalLM.from_config(config).save_pretrained(mine)
    make_tokenizer().save_pretrained(mine)
    base = prepare_base(str(mine), tmp_path / "models")
    wanted = replace(order(tmp_path, tmp_path, lines(160)), base=str(base))
    with pytest.raises(ModelError, match="GPTNeoXForCausalLM") as refused:
        told(wanted)
    assert refused.value.code == "base_untrainable"
    monkeypatch.setattr("genre_models.bases.checks.free_memory", lambda: 1000)
    make_base(tmp_path / "models/base")
    with pytest.raises(ModelError) as refused:
        told(order(tmp_path / "models", tmp_path, lines(160)))
    assert refused.value.code == "base_too_large"


def test_an_order_of_an_earlier_release_means_the_packaged_base() -> None:
    written = msgspec.json.encode(Order(job="j", genre="haiku", texts="t", models="m", store="s"))
    assert msgspec.json.decode(written, type=Order).base_folder == Path("m/base")
