from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from genre_models.encoder import DIMENSION, SentenceEncoder, dequantise, quantise
from schemas.errors import ModelError

directions = arrays.arrays(np.float32, DIMENSION, elements=st.floats(-1, 1, width=16)).filter(
    lambda vector: float(np.linalg.norm(vector)) > 0.1
)


@given(directions)
def test_quantising_keeps_the_direction(vector: NDArray[np.float32]) -> None:
    unit = vector / np.linalg.norm(vector)
    packed = quantise(unit)
    assert len(packed) == DIMENSION
    assert (
        float(dequantise(packed) @ unit) >= 0.97
    )  # the worst case is one component among many small ones


def test_quantising_a_real_embedding_costs_nothing(encoder: SentenceEncoder) -> None:
    rows = encoder.encode(["a joke about cats", "limitation of liability"])
    for row in rows:
        assert float(dequantise(quantise(row)) @ row) > 0.998


def test_a_long_text_is_cut_before_it_is_cut_up(
    encoder: SentenceEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = "Please rewrite this letter to our customers about the garden party. " * 480
    tokenizer = encoder._tokenizer
    read: list[int] = []

    def counted(texts: list[str], **options: object) -> object:
        read.extend(map(len, texts))
        return tokenizer(texts, **options)

    monkeypatch.setattr(encoder, "_tokenizer", counted)
    assert np.allclose(encoder.encode([long]), encoder.encode([long[:3000]]), atol=1e-6)
    assert max(read) < 5000


def test_a_vector_of_zeros_stays_one() -> None:
    assert not dequantise(quantise(np.zeros(DIMENSION, np.float32))).any()


def test_rows_are_unit_vectors_in_the_order_of_the_texts(encoder: SentenceEncoder) -> None:
    texts = ["a long request about the history of the lighthouse " * 5, "cats", "dogs"] * 15
    rows = encoder.encode(texts)
    assert rows.shape == (45, DIMENSION) and rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1.0, atol=1e-5)
    for index in (0, 1, 2):
        np.testing.assert_allclose(rows[index], encoder.encode([texts[index]])[0], atol=1e-5)


def test_what_means_the_same_lies_close(encoder: SentenceEncoder) -> None:
    joke, gag, contract = encoder.encode(
        ["tell me a joke", "say something funny", "terms of a rental contract"]
    )
    assert joke @ gag > 0.5 > 0.3 > joke @ contract


def test_nothing_gives_nothing(encoder: SentenceEncoder) -> None:
    assert encoder.encode([]).shape == (0, DIMENSION)


def test_a_text_without_letters_and_one_without_end_are_encoded(encoder: SentenceEncoder) -> None:
    assert np.isfinite(encoder.encode(["", "\u200b", "word " * 20_000])).all()


def test_threads_are_given_back(encoder: SentenceEncoder) -> None:
    before = torch.get_num_threads()
    encoder.encode(["cats"])
    assert torch.get_num_threads() == before


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"config\.json") as caught:
        SentenceEncoder.load(tmp_path)
    assert caught.value.code == "encoder_unavailable"
