"""The choice between exact and the integers, by a number that is measured, kept and believed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from genre_models.adapters.store import STARTER
from genre_models.engine import fidelity, model
from genre_models.engine.fidelity import FILE, PINNED, Fidelity, choose, ensure, load, measure, nats
from genre_models.engine.model import load_model
from genre_models.engine.native import Kernel
from genre_models.engine.native.kernel import version
from genre_models.taxonomy import Taxonomy
from genre_models.weights import fingerprint
from schemas.errors import ModelError

TEXTS = [list(range(3, 40)), list(range(60, 20, -1))]


@pytest.fixture
def prepared(base: Path, kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A tiny base that nothing is known of, on the kernel; short texts are long enough."""
    monkeypatch.setattr("genre_models.engine.native.load_kernel", lambda: kernel)
    monkeypatch.setattr(fidelity, "LEAST_TOKENS", 50)
    monkeypatch.setattr(fidelity, "_texts", lambda tokenizer, window: iter(TEXTS))
    yield base
    (base / FILE).unlink(missing_ok=True)


def keep(folder: Path, **changed: Any) -> None:
    """A number beside the model, as good as one can be but for what is changed."""
    found = Fidelity(
        base=fingerprint(folder), arithmetic=f"kernel {version()}", tokens=20_000, ratio=1.0
    )
    (folder / FILE).write_bytes(msgspec.json.encode(msgspec.structs.replace(found, **changed)))


@pytest.mark.parametrize("ratio", [1.0, 1.0034, 0.991, 1.0099])
def test_within_one_per_cent_the_integers_are_taken(prepared: Path, ratio: float) -> None:
    keep(prepared, ratio=ratio)
    fast, why = choose(prepared)
    assert fast and f"{ratio:.4f} of exact's on 20,000 tokens, within 1 %" in why


@pytest.mark.parametrize("ratio", [1.0101, 1.2, 0.98, 0.0, -1.0, 1e9])
def test_beyond_it_exact_is(prepared: Path, ratio: float) -> None:
    keep(prepared, ratio=ratio)
    fast, why = choose(prepared)
    assert not fast and "not within 1 %" in why


@pytest.mark.parametrize(
    "changed",
    [
        {"base": "f" * 64},
        {"arithmetic": "kernel 000000000000"},
        {"arithmetic": "torch 2.13.0, 127 levels"},
        {"tokens": 49},
    ],
)
def test_a_number_of_something_else_is_not_believed(
    prepared: Path, changed: dict[str, object]
) -> None:
    keep(prepared, **changed)
    fast, why = choose(prepared)
    assert not fast and "`genre prepare` measures them" in why


@pytest.mark.parametrize(
    "content",
    [
        None,
        b"",
        b"\xff\xfe\x00",
        b'{"base": "00',
        b"[]",
        b'{"ratio": 1.0}',
        b'{"base": "0", "arithmetic": "kernel", "tokens": "many", "ratio": null}',
        b'{"base": "0", "arithmetic": "kernel", "tokens": 20000, "ratio": NaN}',
    ],
)
def test_without_a_number_exact_is_taken_and_the_next_preparation_measures(
    prepared: Path, content: bytes | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fidelity, "measure", lambda base, told: keep(base))
    if content is not None:
        (prepared / FILE).write_bytes(content)
    assert not choose(prepared).fast
    ensure(prepared)
    assert choose(prepared).fast


def test_a_folder_in_the_place_of_the_number_is_no_number(prepared: Path) -> None:
    (prepared / FILE).mkdir()
    try:
        assert not choose(prepared).fast
    finally:
        (prepared / FILE).rmdir()


def test_it_is_measured_once_and_tells_how_far_it_is(
    prepared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[int, int]] = []
    ensure(prepared, lambda done, total: told.append((done, total)))
    assert told == [(36, 150), (75, 150), (111, 150), (150, 150)]
    found = load(prepared)
    assert found.arithmetic == f"kernel {version()}" and 0.9 < found.ratio < 1.1
    monkeypatch.setattr(fidelity, "measure", pytest.fail)
    ensure(prepared)
    assert load(prepared) == found


def test_without_the_kernel_torch_has_a_number_of_its_own(
    prepared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(prepared)
    monkeypatch.setattr("genre_models.engine.native.load_kernel", lambda: None)
    assert not choose(prepared).fast
    measure(prepared)
    assert load(prepared).arithmetic.startswith("torch 2.")


def test_a_model_that_has_no_integers_is_computed_exactly_and_never_measured(
    prepared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(prepared)
    monkeypatch.setattr("genre_models.engine.model.supports", lambda config: False)
    assert model.arithmetic(prepared) is None
    fast, why = choose(prepared)
    assert not fast and "built like Llama" in why
    ensure(prepared)
    with pytest.raises(ModelError) as refused:
        measure(prepared)
    assert refused.value.code == "no_integers"


@pytest.mark.parametrize("broken", [float("nan"), float("inf")])
def test_integers_that_break_the_model_are_not_taken(
    prepared: Path, broken: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fidelity, "_read", lambda base, fast, told: (broken if fast else 100.0, 75))
    assert measure(prepared).ratio > 1e6
    assert not choose(prepared).fast and load(prepared).ratio > 1e6


def test_nats_are_those_of_transformers(prepared: Path) -> None:
    ours, _ = load_model(prepared, slots=1, context=64, fast=False)
    theirs = AutoModelForCausalLM.from_pretrained(prepared)
    ids = torch.tensor([TEXTS[0]])
    with torch.inference_mode():
        mean = float(theirs(ids, labels=ids).loss)
    assert nats(ours, TEXTS[0]) == pytest.approx(mean * (len(TEXTS[0]) - 1), rel=1e-4)


def test_the_texts_are_enough_and_every_token_is_predicted_once(base: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(base)  # a token a byte
    texts = list(fidelity._texts(tokenizer, 100))
    assert max(map(len, texts)) == 101
    genres = Taxonomy.load().genres.values()
    said = [
        "\n".join((each.description, each.instruction, *each.requests, *each.texts))
        for each in genres
    ]
    assert sum(len(ids) - 1 for ids in texts) == sum(len(text.encode()) - 1 for text in said)
    words_and_marks = sum(len(text.split()) + text.count(".") for text in said)
    assert words_and_marks > fidelity.LEAST_TOKENS


def test_nobody_waits_for_the_packaged_model() -> None:
    # When this fails, decode.c has changed: `python -m genre_models.engine.fidelity`, and pin it.
    packaged = json.loads((STARTER / "joke/genre.json").read_text())["base"]
    pinned = {each.arithmetic: each for each in PINNED if each.base == packaged}
    assert pinned[f"kernel {version()}"].close
    assert all(each.tokens >= fidelity.LEAST_TOKENS for each in PINNED)
