"""The adapters that a new one is measured against, and the one that it goes on from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import LlamaForCausalLM

from genre_models.adapters import AdapterStore, BaseSpec
from genre_models.corpora import Corpus
from genre_models.training.gate.controls import NEAREST, Control, _usable, measure, start_of
from genre_models.training.order import Order
from genre_models.training.publishing import publish
from genre_models.training.texts.examples import make_examples
from genre_models.training.top_half import TopHalf
from genre_models.training.trainer import fit
from tests.genre_models.adapters.conftest import edit
from tests.genre_models.tiny import make_adapter, make_tokenizer
from tests.genre_models.training.sentences import RECIPE, texts

ORDER = Order(job="j", genre="haiku", texts="", models="", store="", recipe=RECIPE)


def control(genre: str, loss: float) -> Control:
    return Control(name=f"{genre}@000000000000", genre=genre, loss=loss, weights={})


@pytest.mark.parametrize(
    ("controls", "start"),
    [
        ([], None),
        ([control("poem", 3.0), control("haiku", 3.1)], "poem"),
        ([control("pooled", 2.0), control("haiku", 3.1)], "pooled"),
        ([control("haiku", 3.6)], None),
    ],
)
def test_a_training_goes_on_from_the_nearest_that_beats_the_base(
    controls: list[Control], start: str | None
) -> None:
    found = start_of(controls, base_loss=3.5)
    assert (found and found.genre) == start


def test_own_genre_pool_and_nearest_others_are_measured_but_no_other_tenants(
    base: Path, tmp_path: Path
) -> None:
    spec = BaseSpec.load(base)
    store = AdapterStore(tmp_path / "store", spec)
    genres = ("haiku", "pooled", "joke", "poetry", "quote")
    for seed, genre in enumerate(genres):
        store.add(make_adapter(tmp_path / genre, spec, genre, seed))
    theirs = make_adapter(tmp_path / "theirs", spec, "sonnet", 9)
    edit(theirs / "genre.json", tenant="acme")
    store.add(theirs)
    louder = make_adapter(tmp_path / "louder", spec, "riddle", 10, lora_alpha=32)
    store.add(louder)
    half = TopHalf(LlamaForCausalLM.from_pretrained(base), RECIPE)
    fresh = half.weights()
    held_out = half.lower(make_examples(make_tokenizer(), "Write.", texts(4, 1), 1))
    found = measure(half, held_out, store, ORDER)
    measured = {each.genre for each in found}
    assert {"haiku", "pooled"} < measured < set(genres) and len(measured) == 2 + NEAREST
    assert [each.loss for each in found] == sorted(each.loss for each in found)
    assert all(torch.equal(weight, fresh[name]) for name, weight in half.weights().items())
    assert "riddle" not in {each.name.genre for each, _ in _usable(store, ORDER, fresh)}
    for tenant in (None, "acme"):
        own = measure(half, held_out, store, replace(ORDER, genre="sonnet", tenant=tenant))
        assert ("sonnet" in {each.genre for each in own}) == (tenant == "acme")


def test_an_adapter_of_a_lower_rank_is_gone_on_from_as_it_was(base: Path, tmp_path: Path) -> None:
    spec = BaseSpec.load(base)
    store = AdapterStore(tmp_path / "store", spec)
    narrow, wide = replace(RECIPE, rank=2, alpha=4), replace(RECIPE, rank=8, alpha=16)
    theirs = TopHalf(LlamaForCausalLM.from_pretrained(base), narrow)
    held_out = theirs.lower(make_examples(make_tokenizer(), "Write.", texts(4, 1), 1))
    trained = fit(theirs, held_out, held_out, replace(narrow, learning_rate=0.05))
    corpus = Corpus(genre="haiku", licence="CC0", training=texts(4, 1), held_out=())
    publish(tmp_path / "haiku", corpus, "verse", trained, narrow, spec)
    name = store.add(tmp_path / "haiku")
    half = TopHalf(LlamaForCausalLM.from_pretrained(base), wide)
    (found,) = measure(half, held_out, store, replace(ORDER, recipe=wide))
    assert found.name == str(name) and found.loss == pytest.approx(trained.loss, rel=1e-3)
    gone_on = fit(half, held_out, held_out, wide, start=found.weights)
    changed = [
        key for key, weight in gone_on.tensors.items() if (weight != found.weights[key]).all()
    ]
    assert gone_on.loss < found.loss and changed  # the ranks that were added learn, too
    assert not measure(theirs, held_out, _of_rank_8(store, base, tmp_path), ORDER_OF_RANK_2)


ORDER_OF_RANK_2 = replace(ORDER, genre="poem", recipe=replace(RECIPE, rank=2, alpha=4))


def _of_rank_8(store: AdapterStore, base: Path, folder: Path) -> AdapterStore:
    """A store whose only adapter has more ranks than are wanted."""
    half = TopHalf(LlamaForCausalLM.from_pretrained(base), RECIPE)
    corpus = Corpus(genre="ode", licence="CC0", training=texts(4, 1), held_out=())
    held_out = half.lower(make_examples(make_tokenizer(), "Write.", texts(2, 1), 1))
    trained = fit(half, held_out, held_out, replace(RECIPE, epochs=1))
    publish(folder / "ode", corpus, "verse", trained, RECIPE, store.base)
    wide = AdapterStore(folder / "wide", store.base)
    wide.add(folder / "ode")
    return wide
