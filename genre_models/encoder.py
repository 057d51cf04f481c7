"""Sentence embeddings: texts in, unit vectors out, and their form on the wire."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from genre_models.kept_rows import KeptRows, Tokens
from genre_models.shared_bert import SharedBert
from genre_models.tuned import Tuned
from schemas.errors import ModelError

log = logging.getLogger(__name__)

DIMENSION = 384
LAYERS = 4  # the last ones, whose states are told apart
_SCALE = 127  # largest int8; a component of a unit vector is at most 1
# tokens that one thread of a batch has at least: on fewer, two took a third more processor time,
# which is the engine's where it runs beside
_SHARE = 512
_LONGEST = 256  # tokens; the encoder was trained on no more
_READ = 4096  # characters in which they are looked for: to cut a long text up takes its time
_KEPT = 512  # texts whose states are kept


Cut = Callable[[Sequence[str]], list[Tokens]]
"""What a tokenizer makes of texts."""


class Encoder(Protocol):
    """Anything that turns texts into unit vectors."""

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embeddings of `texts`: unit rows.  # [n, dimension]"""


class LayeredEncoder(Encoder, Protocol):
    """An encoder that also tells what its layers before the last one make of a text."""

    def layers(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit rows; the last layer's are the embeddings.  # [n, layers, dimension]"""


class TunableEncoder(Encoder, Protocol):
    """An encoder of which copies can be tuned."""

    def tuned(self, texts: Sequence[str], kinds: NDArray[np.intp]) -> Tuned:
        """What a copy of the upper layers learns from texts that are of kinds, or of none: -1."""

    def with_weights(self, weights: Mapping[str, NDArray[np.float32]]) -> Encoder:
        """This encoder with other weights where some are given; they share the rest and take turns.

        Raises ValueError for weights that it does not have.
        """


class TunableLayeredEncoder(LayeredEncoder, TunableEncoder, Protocol):
    """An encoder of which copies can be tuned to classes, too."""

    def tuned_to_classes(self, texts: Sequence[str], classes: NDArray[np.intp]) -> Tuned:
        """What it learns from texts of `classes`, numbered from 0."""


@dataclass(frozen=True, slots=True)
class SideBySide:
    """An encoder's last layers as one vector."""

    encoder: LayeredEncoder

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Rows of four units.  # [n, 4 * 384]"""
        layers = self.encoder.layers(texts)
        return layers.reshape(len(layers), -1)


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

    def __init__(self, bert: SharedBert, cut: Cut, threads: int | None = None) -> None:
        self._bert = bert
        self._cut_up = cut
        self._threads = threads
        self._lock = Lock()
        self._asked: deque[_Asked] = deque()
        self._rows = KeptRows(_KEPT)

    @classmethod
    def load(cls, folder: Path, *, threads: int | None = None) -> SentenceEncoder:
        """Load the encoder; `threads` bounds the cores of one `encode`.

        Raises ModelError `encoder_unavailable`.
        """
        from safetensors.torch import load_file
        from tokenizers import Tokenizer

        from genre_models.bert import Bert, Sizes

        try:
            sizes = msgspec.json.decode((folder / "config.json").read_bytes(), type=Sizes)
            tokenizer = Tokenizer.from_str((folder / "tokenizer.json").read_text("utf-8"))
            model = Bert(sizes).load(load_file(folder / "model.safetensors"))
        except Exception as error:  # tokenizers raises nothing more particular
            raise ModelError(
                "encoder_unavailable", f"expected a sentence encoder, got {folder}: {error}"
            ) from error
        tokenizer.no_padding()
        tokenizer.enable_truncation(_LONGEST)

        def cut(texts: Sequence[str]) -> list[Tokens]:
            return [tuple(each.ids) for each in tokenizer.encode_batch(texts)]

        return cls(SharedBert(model, wanted=LAYERS), cut, threads)

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit rows [n, 384]; only the first 256 tokens (within 4096 characters) of a text count.

        Batches hold texts of like length.
        """
        return self.layers(texts)[:, -1]

    def layers(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit rows [n, 4, 384]: mean token states of the last four layers, of the same tokens."""
        asked = _Asked(texts)
        self._asked.append(asked)
        with self._lock:
            if asked.rows is None:
                self._encode_all(asked)
        assert asked.rows is not None
        return asked.rows

    def tuned(self, texts: Sequence[str], kinds: NDArray[np.intp]) -> Tuned:
        """What the upper layers learn from texts that are of kinds, or of none: -1; takes minutes
        and all cores, while others may ask.
        """
        from genre_models.tuning import tune

        return tune(self._bert.model, self._cut(texts), kinds)

    def tuned_to_classes(self, texts: Sequence[str], classes: NDArray[np.intp]) -> Tuned:
        """Tune three layers to tell apart `classes`, numbered from 0."""
        from genre_models.tuning import tune_classes

        return tune_classes(self._bert.model, self._cut(texts), classes)

    def with_weights(self, weights: Mapping[str, NDArray[np.float32]]) -> SentenceEncoder:
        """This encoder with other weights where some are given; they share the rest and take turns.

        What lower layers that both have made of a text is not computed twice. Raises ValueError for
        weights that it does not have.
        """
        with self._lock:
            copy = self._bert.with_weights(weights)
        other = SentenceEncoder(copy, self._cut_up, self._threads)
        other._lock = self._lock
        return other

    def _cut(self, texts: Sequence[str]) -> list[Tokens]:
        with self._lock:
            return self._tokens(texts)

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
        if not texts:
            return np.zeros((0, LAYERS, DIMENSION), np.float32)
        return self._rows.of(self._tokens(texts), self._batch)

    def _tokens(self, texts: Sequence[str]) -> list[Tokens]:
        cut = [text[:_READ] for text in texts]
        return self._cut_up(cut)

    def _batch(self, tokens: Sequence[Tokens]) -> NDArray[np.float32]:
        import torch
        from torch.nn.utils.rnn import pad_sequence

        ids = pad_sequence([torch.tensor(each) for each in tokens], batch_first=True)
        lengths = torch.tensor([len(each) for each in tokens])
        mask = torch.arange(ids.shape[1]) < lengths[:, None]
        most = ids.numel() // _SHARE + 1
        least = min(most, self._threads or torch.get_num_threads())
        with torch.inference_mode(), torch_threads(least):
            told = self._bert.states(tokens, mask, lambda: self._bert.model.embedded(ids))
            means = torch.stack(
                [(each * mask[:, :, None]).sum(1) / lengths[:, None] for each in told], 1
            )
            unit: NDArray[np.float32] = torch.nn.functional.normalize(means, dim=2).numpy()
        return unit


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
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
