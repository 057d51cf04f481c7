"""The layers of BERT say what those of transformers say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoTokenizer, BertConfig, BertModel

from genre_models.bert import Bert, Sizes
from genre_models.encoder import LAYERS, SentenceEncoder
from genre_models.shared_bert import through
from tests.genre_models.tiny_bert import SIZES


@pytest.fixture(name="theirs")
def _theirs() -> Any:
    torch.manual_seed(0)
    return BertModel(BertConfig(**msgspec.to_builtins(SIZES)), add_pooling_layer=True).eval()


@pytest.mark.parametrize("lengths", [(5,), (5, 5), (2, 9, 4)])
def test_states_are_those_of_transformers(theirs: Any, lengths: tuple[int, ...]) -> None:
    model = Bert(SIZES).load(theirs.state_dict())
    ids = torch.randint(0, SIZES.vocab_size, (len(lengths), max(lengths)))
    mask = torch.arange(ids.shape[1]) < torch.tensor(lengths)[:, None]
    with torch.inference_mode():
        ours = list(through(model.layers, model.embedded(ids), mask))
        wanted = theirs(
            input_ids=ids, attention_mask=mask.long(), output_hidden_states=True
        ).hidden_states
    assert len(ours) == len(wanted)
    for own, other in zip(ours, wanted, strict=True):
        assert torch.allclose(own[mask], other[mask], atol=1e-5)


def test_weights_that_are_missing_or_strange_are_refused(theirs: Any) -> None:
    weights = dict(theirs.state_dict())
    name = "encoder.layer.1.output.dense.weight"
    for wrong in (
        {**weights, name: weights[name][:1]},
        {key: each for key, each in weights.items() if key != name},
        {**weights, "encoder.layer.5.output.dense.weight": weights[name]},
    ):
        with pytest.raises(RuntimeError, match=r"encoder\.layer"):
            Bert(SIZES).load(wrong)


def test_the_encoder_reads_and_encodes_as_transformers_do(
    encoder: SentenceEncoder, encoder_folder: Path
) -> None:
    texts = [
        "A poem on eels",
        "",
        "\u200b \U0001f600 caf\u00e9 \u4f60\u597d\x00\ud7ff",
        "x y " * 400,
    ]
    tokenizer: Any = AutoTokenizer.from_pretrained(encoder_folder)
    model = AutoModel.from_pretrained(encoder_folder)
    cut = tokenizer(texts, truncation=True, max_length=256, padding=True, return_tensors="pt")
    kept = cut["attention_mask"].bool()
    assert encoder._tokens(texts) == [
        tuple(row[own].tolist()) for row, own in zip(cut["input_ids"], kept, strict=True)
    ]
    with torch.inference_mode():
        states = model(**cut, output_hidden_states=True).hidden_states[-LAYERS:]
    for layer, state in enumerate(states):
        means = (state * kept[:, :, None]).sum(1) / kept.sum(1, keepdim=True)
        wanted = torch.nn.functional.normalize(means, dim=1).numpy()
        np.testing.assert_allclose(encoder.layers(texts)[:, layer], wanted, atol=1e-5)


@pytest.mark.parametrize("wrong", [{"num_attention_heads": 5}, {"model_type": "roberta"}])
def test_sizes_of_another_model_are_refused(wrong: dict[str, object]) -> None:
    given = msgspec.to_builtins(SIZES) | wrong
    with pytest.raises(msgspec.ValidationError, match=r"5|roberta"):
        msgspec.convert(given, Sizes)
