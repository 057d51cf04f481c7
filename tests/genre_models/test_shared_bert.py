"""Copies of a BERT with other upper layers: what they share, and that they say the same with it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from genre_models import shared_bert
from genre_models.bert import Bert
from genre_models.kept_rows import Tokens
from genre_models.shared_bert import SharedBert
from tests.genre_models.tiny_bert import small_bert

_ONE, _LONG, _OTHER = (1, 5, 2), (1, 6, 7, 8, 9, 2), (1, 30, 2)


class Asked:
    """A BERT, and the texts that its model was given in full."""

    def __init__(self, told: SharedBert) -> None:
        self.bert = told
        self.given: list[int] = []

    def states(self, *tokens: Tokens) -> list[Tensor]:
        """Those of each text after the last layer."""

        def embed() -> Tensor:
            self.given.append(len(tokens))
            ids = [torch.tensor(each) for each in tokens]
            return self.bert.model.embedded(pad_sequence(ids, batch_first=True))

        lengths = torch.tensor([len(each) for each in tokens])
        mask = torch.arange(int(lengths.max())) < lengths[:, None]
        with torch.inference_mode():
            last = self.bert.states(tokens, mask, embed)[-1]
        return [row[:length] for row, length in zip(last, lengths, strict=True)]


@pytest.fixture(name="model")
def _model() -> Bert:
    torch.manual_seed(0)
    return small_bert()


def _with(original: SharedBert, *names: str) -> SharedBert:
    held = original.model.state_dict()
    weights: dict[str, NDArray[np.float32]] = {name: held[name].numpy() * 1.5 for name in names}
    return original.with_weights(weights)


def _output(layer: int) -> str:
    return f"encoder.layer.{layer}.output.dense.weight"


def _alike(ones: Sequence[Tensor], others: Sequence[Tensor]) -> bool:
    return all(torch.allclose(one, each, atol=1e-5) for one, each in zip(ones, others, strict=True))


def test_a_copy_starts_where_its_layers_differ_from_what_was_read_before(model: Bert) -> None:
    original = SharedBert(model)
    copy = _with(original, _output(4), _output(2))
    wanted = Asked(SharedBert(copy.model)).states(_ONE, _LONG)
    ours, theirs = Asked(original), Asked(copy)
    own = ours.states(_ONE, _OTHER, _LONG)
    assert _alike(theirs.states(_LONG, _ONE), wanted[::-1]) and not theirs.given
    assert not _alike(own[:1], wanted[:1])


def test_what_was_not_read_before_is_read_in_full(model: Bert) -> None:
    original = SharedBert(model)
    copy = _with(original, _output(2))
    Asked(original).states(_ONE)
    theirs = Asked(copy)
    assert _alike(theirs.states(_ONE, _LONG), Asked(SharedBert(copy.model)).states(_ONE, _LONG))
    assert theirs.given == [2]


@pytest.mark.parametrize(
    "names",
    [(), ("embeddings.word_embeddings.weight", _output(3)), (_output(0),), (_output(4),)],
)
def test_a_copy_of_which_more_states_are_wanted_shares_none(
    model: Bert, names: tuple[str, ...]
) -> None:
    """Three states are wanted of each; after four layers that both have there are two."""
    original = SharedBert(model, wanted=3)
    copy = _with(original, *names)
    Asked(original).states(_ONE)
    theirs = Asked(copy)
    assert _alike(theirs.states(_ONE), Asked(SharedBert(copy.model)).states(_ONE))
    assert theirs.given == [1]


def test_states_of_the_last_texts_are_kept(model: Bert, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_bert, "_MOST", len(_LONG) + len(_ONE))
    original = SharedBert(model)
    copies = [Asked(_with(original, _output(layer))) for layer in (3, 4)]
    ours = Asked(original)
    for tokens in (_OTHER, _LONG, _ONE, _ONE):
        ours.states(tokens)
    for copy in copies:
        copy.states(_ONE)
        copy.states(_LONG)
        assert not copy.given
        copy.states(_OTHER)
        assert copy.given == [1]
