"""Sentence embeddings: texts in, unit vectors out, and their form on the wire."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from schemas.errors import ModelError

DIMENSION = 384
_SCALE = 127  # largest int8; a component of a unit vector is at most 1
_BATCH = 32
# Texts of a batch are padded to its longest: one has at most twice the characters of another, and
# these more.
_ALIKE = 100
# tokens that one thread of a batch has at least: on fewer, two took a third more processor time,
# which is the engine's where it runs beside
_SHARE = 512
_LONGEST = 256  # tokens; the encoder was trained on no more
_READ = 4096  # characters in which they are looked for: to cut a long text up takes its time


class Encoder(Protocol):
    """Anything that turns texts into unit vectors."""

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embeddings of `texts`: unit rows.  # [n, dimension]"""


@dataclass(slots=True, eq=False)
class _Asked:
    """What one thread wants encoded, and its rows once they are."""

    texts: Sequence[str]
    rows: NDArray[np.float32] | None = None


class SentenceEncoder:
    """all-MiniLM-L6-v2 from a local folder: mean of the token states, normalised.

    Reimers and Gurevych 2019. Any thread may ask; what several ask for while it is busy is encoded
    together.
    """

    def __init__(self, model: Any, tokenizer: Any, threads: int | None = None) -> None:
        self._model = model
        self._tokenizer = tokenizer
        self._threads = threads
        # the tokenizer keeps its settings in itself and refuses a second thread
        self._lock = Lock()
        self._asked: deque[_Asked] = deque()

    @classmethod
    def load(cls, folder: Path, *, threads: int | None = None) -> SentenceEncoder:
        """Load the encoder; `threads` bounds the cores of one `encode`.

        Raises ModelError `encoder_unavailable`.
        """
        from transformers import AutoModel, AutoTokenizer
        from transformers.utils.logging import disable_progress_bar

        disable_progress_bar()
        if not (folder / "config.json").is_file():
            raise ModelError(
                "encoder_unavailable", f"expected a sentence encoder with config.json, got {folder}"
            )
        try:
            tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
            model = AutoModel.from_pretrained(folder, local_files_only=True, use_safetensors=True)
        except (OSError, ValueError) as error:
            raise ModelError(
                "encoder_unavailable", f"expected a sentence encoder, got {folder}: {error}"
            ) from error
        return cls(model.eval(), tokenizer, threads)

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit rows [n, 384]; only the first 256 tokens (within 4096 characters) of a text count.

        Batches hold texts of like length.
        """
        asked = _Asked(texts)
        self._asked.append(asked)
        with self._lock:
            if asked.rows is None:
                self._encode_all(asked)
        assert asked.rows is not None
        return asked.rows

    def _encode_all(self, asked: _Asked) -> None:
        """Encode what everybody waits for; where that fails, each thread its own."""
        together = [asked]
        while self._asked:
            each = self._asked.popleft()
            together += [each] if each is not asked else []
        try:
            rows = self._encoded([text for each in together for text in each.texts])
        except Exception:
            if len(together) == 1:
                raise
            together, rows = [asked], self._encoded(asked.texts)
        for each in together:
            each.rows, rows = rows[: len(each.texts)], rows[len(each.texts) :]

    def _encoded(self, texts: Sequence[str]) -> NDArray[np.float32]:
        rows = np.zeros((len(texts), DIMENSION), np.float32)
        for batch in _batches([min(len(text), _READ) for text in texts]):
            rows[batch] = self._batch([texts[index] for index in batch])
        return rows

    def _batch(self, texts: list[str]) -> NDArray[np.float32]:
        import torch

        tokens = self._tokenizer(
            [text[:_READ] for text in texts],
            padding=True,
            truncation=True,
            max_length=_LONGEST,
            return_tensors="pt",
        )
        most = tokens["input_ids"].numel() // _SHARE + 1
        with torch.inference_mode(), _threads(min(most, self._threads or torch.get_num_threads())):
            states = self._model(**tokens).last_hidden_state  # [batch, tokens, 384]
            mask = tokens["attention_mask"].unsqueeze(-1)
            mean = (states * mask).sum(1) / mask.sum(1)
            unit: NDArray[np.float32] = torch.nn.functional.normalize(mean, dim=1).numpy()
        return unit


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """The indices of texts of these lengths, shortest first, cut where a text is much longer."""
    batch: list[int] = []
    for index in sorted(range(len(lengths)), key=lengths.__getitem__):
        if len(batch) == _BATCH or (batch and lengths[index] > 2 * lengths[batch[0]] + _ALIKE):
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """Give torch `count` threads for a while, then what it had.

    The setting is a thread's own, but a thread that has none yet takes the last one set anywhere.
    """
    import torch

    before = torch.get_num_threads()
    if count != before:
        torch.set_num_threads(count)
    try:
        yield
    finally:
        if torch.get_num_threads() != before:
            torch.set_num_threads(before)


def quantise(embedding: NDArray[np.float32]) -> bytes:
    """A unit vector as 384 int8, one byte a component; cosine with the original >= 0.998."""
    return np.rint(np.clip(embedding, -1.0, 1.0) * _SCALE).astype(np.int8).tobytes()


def dequantise(packed: bytes) -> NDArray[np.float32]:
    """The unit vector that `quantise` packed."""
    vector = np.frombuffer(packed, np.int8).astype(np.float32)
    return vector / max(float(np.linalg.norm(vector)), 1.0)
