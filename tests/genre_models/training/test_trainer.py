"""Training on the tiny model: it learns, it is peft underneath, and what it writes is a valid
adapter."""

from __future__ import annotations

from pathlib import Path

import pytest
from peft import PeftModel
from transformers import LlamaForCausalLM

from genre_models.adapters import BaseSpec, read_adapter
from genre_models.corpora.corpus import Corpus
from genre_models.training import train
from genre_models.training.publishing import publish
from genre_models.training.texts.examples import make_examples
from tests.genre_models.tiny import make_tokenizer
from tests.genre_models.training.sentences import RECIPE, mean_loss, texts


def test_training_improves_held_out_loss_and_publishes_what_it_measured(
    base: Path, tmp_path: Path
) -> None:
    corpus = Corpus(genre="joke", licence="CC0", training=texts(32, 1), held_out=texts(8, 2))
    training = make_examples(make_tokenizer(), "Write.", corpus.training, 1)
    held_out = make_examples(make_tokenizer(), "Write.", corpus.held_out, 1)
    trained = train(LlamaForCausalLM.from_pretrained(base), training, held_out, RECIPE)
    assert trained.loss < 0.8 * trained.base_loss
    name = publish(tmp_path / "joke", corpus, "humour", trained, RECIPE, BaseSpec.load(base))
    adapter = read_adapter(tmp_path / "joke", BaseSpec.load(base), name.digest)
    assert adapter.card.lineage.data == corpus.digest and "CC0" in adapter.card.licence
    assert {site.split(".")[2] for site in adapter.tensors} == {"1"}  # the top half of two layers
    published = PeftModel.from_pretrained(
        LlamaForCausalLM.from_pretrained(base), tmp_path / "joke"
    ).eval()
    assert mean_loss(published, held_out) == pytest.approx(trained.loss, rel=1e-2)
    assert mean_loss(LlamaForCausalLM.from_pretrained(base), held_out) == pytest.approx(
        trained.base_loss, rel=1e-4
    )
