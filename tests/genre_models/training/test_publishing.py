"""What is published was trained, says from what, and is refused where anybody's would be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from genre_models.adapters import About, BaseSpec, read_adapter
from genre_models.adapters.sites import LINEARS
from genre_models.corpora import Corpus
from genre_models.training.publishing import publish
from genre_models.training.trainer import Trained
from schemas.errors import ModelError
from tests.genre_models.adapters.conftest import BASE
from tests.genre_models.training.sentences import RECIPE, texts

CORPUS = Corpus(genre="haiku", licence="CC0", training=texts(9, 1), held_out=texts(4, 2))


def trained(base: BaseSpec, value: float) -> Trained:
    """An adapter of the upper layer whose weights are all `value`."""
    tensors = {
        f"base_model.model.{site}.lora_{half}.weight": torch.full(shape, value)
        for site, inputs, outputs in base.sites(LINEARS, (1,))
        for half, shape in (("A", (RECIPE.rank, inputs)), ("B", (outputs, RECIPE.rank)))
    }
    return Trained(
        tensors=tensors, base_loss=3.6, loss=3.0, epochs=2.0, target_tokens=100, seconds=7.0
    )


def test_an_adapter_says_where_it_comes_from_and_how_good_it_is(tmp_path: Path) -> None:
    about = About(description="Three lines.", instruction="Write a haiku.")
    (tmp_path / "haiku").mkdir()
    (tmp_path / "haiku/left.txt").write_text("of an earlier attempt")
    name = publish(
        tmp_path / "haiku", CORPUS, "verse", trained(BASE, 0.25), RECIPE, BASE,
        parent="poem@000000000000", tenant="acme", about=about, command="make it",
    )  # fmt: skip
    adapter = read_adapter(tmp_path / "haiku", BASE, name.digest)
    card = adapter.card
    assert (card.genre, card.family, card.tenant, card.about) == ("haiku", "verse", "acme", about)
    assert (card.lineage.parent, card.lineage.data) == ("poem@000000000000", CORPUS.digest)
    assert (card.command, card.lineage.recipe["epochs"]) == ("make it", RECIPE.epochs)
    assert (card.metrics["ppl_base"], card.metrics["ppl_adapter"]) == (36.6, 20.09)
    assert (card.metrics["training_texts"], card.metrics["held_out_texts"]) == (9, 4)
    assert (adapter.rank, adapter.scaling) == (RECIPE.rank, RECIPE.alpha / RECIPE.rank)
    assert {float(each) for low, high in adapter.tensors.values() for each in low.flat} == {0.25}


@pytest.mark.parametrize(
    ("value", "base", "code"),
    [
        (float("nan"), BASE, "adapter_not_finite"),
        (100.0, BASE, "adapter_norm"),
        (0.25, replace(BASE, hidden=96), "adapter_wrong_shape"),
    ],
)
def test_what_would_be_refused_is_not_published(
    value: float, base: BaseSpec, code: str, tmp_path: Path
) -> None:
    with pytest.raises(ModelError) as refused:
        publish(tmp_path / "haiku", CORPUS, "verse", trained(BASE, value), RECIPE, base)
    assert refused.value.code == code
