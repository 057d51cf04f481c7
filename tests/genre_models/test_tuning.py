"""Tuning upper layers of a small model, and the encoder that has them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from genre_models import tuning
from genre_models.bert import Bert
from genre_models.encoder import LAYERS, SentenceEncoder
from genre_models.kept_rows import Tokens
from genre_models.shared_bert import SharedBert
from genre_models.tuning import ANSWERS, CLASSES, tune
from tests.genre_models.tiny_bert import small_bert

_YES, _NO, _FILLERS = (5, 6), 7, range(10, 30)
_TOKENS = [(1, sign, filler, 2) for sign in (*_YES, _NO, _NO) for filler in _FILLERS]
_KINDS = np.repeat([0, 1, -1, -1], len(_FILLERS))


def numbers(texts: Sequence[str]) -> list[Tokens]:
    """Texts are their tokens' numbers."""
    return [tuple(map(int, text.split())) for text in texts]


@pytest.fixture(name="model")
def _model() -> Iterator[Bert]:
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(0)
        yield small_bert()


def test_what_is_tuned_tells_yes_from_no_in_an_encoder_that_has_it(
    model: Bert, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("genre_models.tuning.ANSWERS", replace(ANSWERS, epochs=40))
    encoder = SentenceEncoder(SharedBert(model, wanted=LAYERS), numbers)
    texts = [" ".join(map(str, each)) for each in _TOKENS]
    before = {name: each.clone() for name, each in model.state_dict().items()}
    tuned = encoder.tuned(texts, _KINDS)
    odds = tuned.scores(encoder.with_weights(tuned.weights).encode(texts))[:, 0]
    assert (odds[_KINDS >= 0] > 0).all() and (odds[_KINDS < 0] < 0).all()
    assert all(torch.equal(each, before[name]) for name, each in model.state_dict().items())
    assert {name.split(".")[2] for name in tuned.weights} == {"1", "2", "3", "4"}


def test_what_is_tuned_tells_classes_apart(model: Bert, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("genre_models.tuning.CLASSES", replace(CLASSES, epochs=80))
    encoder = SentenceEncoder(SharedBert(model, wanted=LAYERS), numbers)
    texts = [" ".join(map(str, each)) for each in _TOKENS]
    classes = _KINDS + 1
    tuned = encoder.tuned_to_classes(texts, classes)
    scores = tuned.scores(encoder.with_weights(tuned.weights).encode(texts))
    assert scores.shape == (len(texts), 3) and (scores.argmax(1) == classes).all()


def test_a_step_reads_some_of_a_long_text_until_the_last_epoch(
    model: Bert, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[torch.Tensor] = []
    padded = tuning._padded

    def watched(rows: Sequence[torch.Tensor]) -> Any:
        read.extend(each for each in rows if each.is_floating_point())
        return padded(rows)

    monkeypatch.setattr(tuning, "_padded", watched)
    monkeypatch.setattr(tuning, "_EASY", 0.0)
    tokens = [(1, *range(10, 40), *range(10, 40), *range(10, 30), 2), (1, 5, 2)] * 20
    for learn, recipe, some in ((tuning.tune_classes, CLASSES, 64), (tune, ANSWERS, 66)):
        read.clear()
        learn(model, tokens, np.array([0, 1] * 20))
        long = [each for each in read if len(each) > 3]
        lengths = [len(each) for each in long]
        assert lengths == [some] * 20 * (recipe.epochs - 1) + [82] * 20
        assert len({each.sum().item() for each in long[:20]}) == 20  # each time others


def test_what_is_known_is_seldom_read_again(model: Bert, monkeypatch: pytest.MonkeyPatch) -> None:
    learned: list[int] = []
    batches = tuning._batches

    def watched(lengths: NDArray[np.intp], *given: Any) -> Iterator[list[int]]:
        learned.append(len(lengths))
        return batches(lengths, *given)

    monkeypatch.setattr(tuning, "_batches", watched)
    monkeypatch.setattr("genre_models.tuning.ANSWERS", replace(ANSWERS, epochs=150))
    tune(model, _TOKENS, _KINDS)
    assert learned[0] == len(_TOKENS)
    assert 0.05 * len(_TOKENS) < np.mean(learned[-10:]) < 0.5 * len(_TOKENS)


def test_it_repeats_and_leaves_the_chance_of_others_alone(
    model: Bert, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(7)
    wanted = torch.rand(3)
    torch.manual_seed(7)
    first, second = (tune(deepcopy(model), _TOKENS, _KINDS) for _ in range(2))
    assert torch.equal(torch.rand(3), wanted)
    assert np.array_equal(first.head, second.head) and first.bias == second.bias
    assert all(np.array_equal(each, second.weights[name]) for name, each in first.weights.items())
    monkeypatch.setattr("genre_models.tuning.SEED", 1)
    other = tune(deepcopy(model), _TOKENS, _KINDS)
    assert not np.array_equal(first.head, other.head)


def test_texts_of_no_kind_alone_are_learned_from(model: Bert) -> None:
    """As a batch may hold no other."""
    kinds = np.where(np.arange(len(_TOKENS)) == 0, 0, -1)
    assert np.isfinite(tune(model, _TOKENS, kinds).head).all()


def test_the_encoder_with_other_weights_shares_the_rest(model: Bert) -> None:
    encoder = SentenceEncoder(SharedBert(model, wanted=LAYERS), numbers)
    name = "encoder.layer.4.output.dense.weight"
    other = encoder.with_weights({name: np.zeros((32, 64), np.float32)})
    theirs, ours = (
        {key: each.data_ptr() for key, each in of._bert.model.named_parameters()}
        for of in (other, encoder)
    )
    assert [key for key in ours if ours[key] != theirs[key]] == [name]
    assert not np.allclose(other.encode(["1 5 2"]), encoder.encode(["1 5 2"]))
    assert np.allclose(encoder.with_weights({}).encode(["1 5 2"]), encoder.encode(["1 5 2"]))
    with pytest.raises(ValueError, match="nothing"):
        encoder.with_weights({"nothing": np.zeros(1, np.float32)})
