from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from safetensors.torch import save

from genre_models.encoder import DIMENSION, LAYERS, SentenceEncoder, dequantise, quantise
from genre_models.kept_rows import Tokens
from genre_models.shared_bert import SharedBert
from schemas.errors import ModelError
from tests.genre_models.tiny_bert import small_bert

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
    cut = encoder._cut_up
    read: list[int] = []

    def counted(texts: Sequence[str]) -> list[Tokens]:
        read.extend(map(len, texts))
        return cut(texts)

    monkeypatch.setattr(encoder, "_cut_up", counted)
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


def test_layers_end_with_the_embedding_and_are_kept_for_the_same_words(
    encoder: SentenceEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    layers = encoder.layers(["A letter to a heron", "b"])
    assert layers.shape == (2, LAYERS, DIMENSION)
    assert np.allclose(np.linalg.norm(layers, axis=2), 1, atol=1e-5)
    monkeypatch.setattr(encoder, "_batch", None)
    assert np.array_equal(encoder.encode(["a LETTER  to a heron"])[0], layers[0, -1])


def test_nothing_gives_nothing(encoder: SentenceEncoder) -> None:
    assert encoder.encode([]).shape == (0, DIMENSION)


def test_a_text_without_letters_and_one_without_end_are_encoded(encoder: SentenceEncoder) -> None:
    assert np.isfinite(encoder.encode(["", "\u200b", "word " * 20_000])).all()


def test_threads_are_given_back(encoder: SentenceEncoder) -> None:
    before = torch.get_num_threads()
    encoder.encode(["cats"])
    assert torch.get_num_threads() == before


class Busy:
    """Stands in for a batch: counts texts, waits at the first one, fails for `bad`."""

    def __init__(self, encoder: SentenceEncoder) -> None:
        self._encoder = encoder
        self.batches: list[int] = []
        self.begun, self.go = Event(), Event()

    def __call__(self, texts: list[str]) -> NDArray[np.float32]:
        self.batches.append(len(texts))
        self.begun.set()
        assert self.go.wait(10)
        if "bad" in texts:
            raise ValueError("bad")
        rows = np.array([[[float(text)] * DIMENSION] for text in texts], np.float32)
        return rows.reshape(len(texts), 1, DIMENSION)

    def asked_meanwhile(self, *asked: list[str]) -> list[Future[NDArray[np.float32]]]:
        """What others get who ask while it is busy with a first text."""
        with ThreadPoolExecutor(1 + len(asked)) as threads:
            threads.submit(self._encoder.encode, ["0"])
            assert self.begun.wait(10)
            given = [threads.submit(self._encoder.encode, texts) for texts in asked]
            while len(self._encoder._asked) < len(asked):
                time.sleep(0.001)
            self.go.set()
        return given


@pytest.fixture(name="busy")
def _busy() -> Busy:
    encoder = SentenceEncoder(SharedBert(small_bert()), lambda _: [])
    busy = Busy(encoder)
    encoder._encoded = busy  # type: ignore[assignment,method-assign]
    return busy


def test_what_several_ask_for_while_it_is_busy_is_encoded_together(busy: Busy) -> None:
    given = busy.asked_meanwhile(["1", "2"], [], ["3"])
    assert busy.batches == [1, 3]
    assert [rows.result()[:, 0].tolist() for rows in given] == [[1.0, 2.0], [], [3.0]]


def test_a_text_that_cannot_be_encoded_costs_nobody_else_anything(busy: Busy) -> None:
    good, bad = busy.asked_meanwhile(["1"], ["bad"])
    assert good.result()[:, 0].tolist() == [1.0]
    with pytest.raises(ValueError, match="bad"):
        bad.result()


@pytest.mark.parametrize(("texts", "threads"), [(1, 1), (4, 1), (32, 4)])
def test_few_tokens_take_one_thread(
    encoder: SentenceEncoder, monkeypatch: pytest.MonkeyPatch, texts: int, threads: int
) -> None:
    seen: list[int] = []
    states = encoder._bert.states

    def counted(*given: Any) -> Sequence[torch.Tensor]:
        seen.append(torch.get_num_threads())
        return states(*given)

    monkeypatch.setattr(encoder._bert, "states", counted)
    monkeypatch.setattr(encoder, "_threads", 4)
    asked = "A dentist walks into a bar and asks for a filling drink. " * 5
    encoder.encode([f"{number} of {texts}. {asked}" for number in range(texts)])
    assert seen == [threads]


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("config.json", None),
        ("config.json", b'{"hidden_size": 384}'),
        ("config.json", b"\xff{"),
        ("tokenizer.json", None),
        ("tokenizer.json", b"{}"),
        ("tokenizer.json", b"\xff"),
        ("model.safetensors", None),
        ("model.safetensors", b"{}"),
        ("model.safetensors", save({"encoder.weight": torch.ones(1)})),
    ],
)
def test_a_folder_without_a_model_is_refused(
    file: str, content: bytes | None, encoder_folder: Path, tmp_path: Path
) -> None:
    for name in ("config.json", "tokenizer.json", "model.safetensors"):
        (tmp_path / name).symlink_to(encoder_folder / name)
    assert SentenceEncoder.load(tmp_path).encode(["a"]).shape == (1, DIMENSION)
    (tmp_path / file).unlink()
    if content is not None:
        (tmp_path / file).write_bytes(content)
    with pytest.raises(ModelError, match="expected a sentence encoder, got") as caught:
        SentenceEncoder.load(tmp_path)
    assert caught.value.code == "encoder_unavailable"


def test_a_long_text_is_not_what_short_ones_are_padded_to(
    encoder: SentenceEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    compute = encoder._batch
    read: list[list[int]] = []

    def counted(tokens: list[tuple[int, ...]]) -> object:
        read.append([len(each) for each in tokens])
        return compute(tokens)

    monkeypatch.setattr(encoder, "_batch", counted)
    encoder.encode(["a joke on eels", "the eel " * 60, "a poem on eels and fog", "eels"])
    assert [len(batch) for batch in read] == [3, 1]
    assert max(read[0]) < 12 < 100 < read[1][0]
