"""The heavy part of a training: the base model with its upper half, trained and then measured."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from genre_models.adapters import AdapterStore
from genre_models.corpora import Corpus
from genre_models.encoder import SentenceEncoder
from genre_models.training.gate.controls import Control, measure, start_of
from genre_models.training.gate.gate import Measured
from genre_models.training.gate.samples import SAMPLES, copied, topic_hit, write_samples
from genre_models.training.gate.shift import shift
from genre_models.training.loading import load_half
from genre_models.training.order import Order
from genre_models.training.texts.examples import make_examples
from genre_models.training.texts.material import instruction
from genre_models.training.texts.requests import write_requests
from genre_models.training.top_half import TopHalf
from genre_models.training.trainer import Check, Trained, fit


class Session:
    """One adapter of one corpus. `train` first, then `measure`.

    Making one raises ModelError `base_untrainable` or `base_too_large`.
    """

    def __init__(self, order: Order, corpus: Corpus, store: AdapterStore) -> None:
        self._order, self._corpus, self._store = order, corpus, store
        self._base = order.base_folder
        self._half: TopHalf | None
        self._tokenizer, self._half = load_half(
            self._base, order.recipe, threads=order.threads, device=order.device
        )
        self._controls: list[Control] = []
        self.parent: str | None = None
        """The adapter whose weights the training went on from, if any."""

    def train(self, told: Callable[[Check], None]) -> Trained:
        """Measure the controls, then train on from the nearest of them."""
        half, order = self._present(), self._order
        instructed, seed = instruction(order), order.recipe.seed
        asked = self._corpus.training * order.recipe.requests
        held_out = half.lower(
            make_examples(self._tokenizer, instructed, self._corpus.held_out, seed)
        )
        training = half.lower(make_examples(self._tokenizer, instructed, asked, seed))
        self._controls = measure(half, held_out, self._store, order)
        start = start_of(self._controls, half.loss(held_out, order.recipe.batch))
        self.parent = start.name if start else None
        weights = start.weights if start else None
        return fit(half, training, held_out, order.recipe, start=weights, told=told)

    def measure(self, trained: Trained, folder: Path, scratch: Path) -> Measured:
        """Everything that the gate judges by.

        The trained model is let go before the engine loads its own.
        """
        half = self._present()
        half.load(trained.tensors)
        shifted = shift(half, self._tokenizer)
        self._half = None
        store = AdapterStore(scratch, self._store.base)
        requests = write_requests(self._corpus.held_out, self._order.recipe.seed + 1)
        samples = write_samples(
            self._base,
            store,
            store.add(folder),
            instruction(self._order),
            requests[:SAMPLES],
            self._order.threads,
        )
        encoder = Path(self._order.models) / "encoder"
        hit = topic_hit(samples, SentenceEncoder.load(encoder)) if encoder.is_dir() else None
        known = [text.text for text in self._corpus.training]
        return Measured(
            loss=trained.loss,
            base_loss=trained.base_loss,
            controls=self._controls,
            shift=shifted,
            samples=samples,
            topic_hit=hit,
            copied=copied([sample.text for sample in samples], known),
            copied_held_out=copied([text.text for text in self._corpus.held_out], known),
        )

    def _present(self) -> TopHalf:
        assert self._half is not None
        return self._half
