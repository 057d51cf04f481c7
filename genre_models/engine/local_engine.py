"""The local engine: rows with different adapters, blends and none, written together on the CPU.

Rows join and leave between steps. Candidates of one request that share prompt and adapters share
one prefill, and what prompts begin with is read once (see prefixes). Prompts are read one by one in
chunks of their own, so that a row's bits never depend on what runs beside it, nor on what is known.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, wait
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from genre_models.adapters import AdapterName, AdapterStore
from genre_models.bases.architectures import CONTEXT
from genre_models.engine.adapter_cache import AdapterCache
from genre_models.engine.batch import Batch
from genre_models.engine.generation import Finished, Generation, Piece, failed
from genre_models.engine.llama import MULTIPLE
from genre_models.engine.mixture import MOST, Weights, check_width, ranks_of
from genre_models.engine.model import Model, end_tokens, load_model
from genre_models.engine.prefixes import Prefixes
from genre_models.engine.prompt import encode_apart
from genre_models.engine.row import Row
from genre_models.engine.sampling import Sampling, choose
from genre_models.engine.schedule import READ, WRITTEN, Schedule
from genre_models.engine.writing import Writing
from schemas.errors import ModelError

log = logging.getLogger(__name__)

LEAST_PROMPT = 64  # tokens that a prompt keeps at least, however many new tokens are asked for
CHUNK = 64  # prompt tokens a step: the running rows wait for no more than about two steps' time
GRAIN = 8  # prompt tokens of which keys and values are kept together


@dataclass(slots=True)
class _Joining:
    """Rows whose common prompt is being read; `read` of its tokens have been."""

    rows: list[Row]
    read: int


class LocalEngine:
    """An `Engine` over a `Model` with `rows` + 1 slots. All its methods belong to one thread."""

    def __init__(
        self,
        model: Model,
        tokenizer: Any,
        adapters: AdapterCache,
        *,
        rows: int,
        context: int,
        prefix_bytes: int,
    ) -> None:
        self._model, self._tokenizer, self._adapters = model, tokenizer, adapters
        self._most_rows, self._context = rows, context
        self._threads = torch.get_num_threads()
        self.ends = frozenset(tokenizer.all_special_ids)
        """The tokens that end a text."""
        self._schedule = Schedule()
        self._batch = Batch(model.slots, model.multiple)
        # Where a row's numbers depend on its chunk, prompts go on where chunks would begin anyway.
        self._grain = GRAIN if model.multiple == 1 else CHUNK
        self._prefixes = Prefixes(model.slots, grain=self._grain, budget=prefix_bytes)
        self._joining: _Joining | None = None
        self._news: list[Piece | Finished] = []

    @classmethod
    def load(
        cls,
        base: Path,
        store: AdapterStore,
        *,
        fast: bool = False,
        threads: int = 2,
        device: str = "cpu",
        rows: int = 16,
        context: int = CONTEXT,
        adapter_bytes: int = 256 << 20,
        prefix_bytes: int = 256 << 20,
    ) -> LocalEngine:
        """Load the model from `base`, a prepared folder (genre_models.weights).

        `fast` is int8 for models built like Llama, on the CPU. `rows` run at once, `context` is the
        most tokens of a row's prompt and text (46 kB each), `adapter_bytes` are kept in memory
        beside those in use (5 MB each at rank 8 on half of 30 layers), `prefix_bytes` of beginnings
        of prompts.
        """
        torch.set_num_threads(threads)
        padded = -(-rows // MULTIPLE) * MULTIPLE
        with torch.inference_mode():
            model, tokenizer = load_model(
                base, slots=padded + 1, context=context, fast=fast, device=device
            )

        def read(name: str) -> Weights:
            return model.prepare(store.verified(AdapterName.parse(name)))

        engine = cls(
            model,
            tokenizer,
            AdapterCache(read, adapter_bytes),
            rows=rows,
            context=min(context, model.context),
            prefix_bytes=prefix_bytes,
        )
        engine.ends = end_tokens(base, tokenizer)
        return engine

    @property
    def idle(self) -> bool:
        """See Engine."""
        return not (self._schedule.waiting or self._joining or self._batch.rows or self._news)

    @property
    def rows(self) -> int:
        """Rows that wait or run."""
        return len(self._live())

    def submit(self, rows: Sequence[Generation]) -> None:
        """See Engine."""
        for generation in rows:
            try:
                self._schedule.add(self._row(generation), self._running())
            except ModelError as error:
                log.warning("row %s refused: %s", generation.id, error)
                self._news.append(failed(generation.id, error.code, error.message))

    def cancel(self, id: str) -> None:
        """See Engine."""
        for row in self._live():
            if row.generation.id == id and not row.ended:
                self._news.append(self._end(row, row.end("cancelled")))
        self._schedule.remove([row for row in self._schedule.waiting if row.ended])

    def prefetch(self, adapters: Sequence[str]) -> None:
        """See Engine."""
        for name in adapters:
            self._adapters.prefetch(name)

    @torch.inference_mode()
    def step(self) -> list[Piece | Finished]:
        """See Engine. One chunk of one joining prompt is read too."""
        # A thread begins with what another one has set last, be it the encoder's for a moment.
        if torch.get_num_threads() != self._threads:
            torch.set_num_threads(self._threads)
        self._tidy()
        self._news += self._begin()
        self._news += self._read()
        self._news += self._advance()
        self._tidy()
        news, self._news = self._news, []
        return news

    def _row(self, generation: Generation) -> Row:
        room = self._context - generation.max_tokens
        if room < LEAST_PROMPT:
            raise ModelError(
                "context_exceeded",
                f"expected at most {self._context - LEAST_PROMPT} new tokens, "
                f"got {generation.max_tokens}",
            )
        names = [str(AdapterName.parse(name)) for name, _ in generation.mixture]
        opening, rest = encode_apart(self._tokenizer, generation.prompt, room)
        prompt = tuple(opening + rest)
        loading = tuple(
            (self._adapters.hold(name), weight)
            for name, (_, weight) in zip(names, generation.mixture, strict=True)
        )
        writing = Writing(self._tokenizer, generation.stop)
        return Row(generation, prompt, loading, writing, min(len(opening), len(prompt) - 1))

    def _begin(self) -> Iterator[Finished]:
        """Choose the next prompt, read once for all waiting rows that share it and its adapters."""
        room = self._most_rows - len(self._batch.rows)
        if self._joining or room <= 0 or not self._schedule.waiting:
            return
        self._await_one()
        yield from self._check()
        first = self._schedule.next(self._fits)
        if first is not None:
            alike = [row for row in self._schedule.waiting if row.usable and _alike(row, first)]
            self._schedule.remove(alike[:room])
            self._joining = _Joining(alike[:room], self._known(first))

    def _known(self, row: Row) -> int:
        """Fill the spare slot with what is known of a prompt's beginning; how many tokens that is.

        All but the end lies in the slot of a running row that shares it. One token is left at
        least: nothing else gives logits.
        """
        for slot, other in enumerate(self._batch.rows):
            if _alike(other, row):
                asked = len(row.prompt) - 1 - row.opening
                known = row.opening + asked // self._grain * self._grain
                self._model.slots.copy(slot, self._spare, known)
                return known
        return self._prefixes.load(row.prompt[: row.opening], row.blend, self._spare)

    def _await_one(self) -> None:
        """With nothing else to do, wait until some row's adapters have been read."""
        if self._batch.rows or any(row.ready for row in self._schedule.waiting):
            return
        loading = [each for row in self._schedule.waiting for each, _ in row.loading]
        wait(loading, 0.1, FIRST_COMPLETED)

    def _check(self) -> Iterator[Finished]:
        """Of the waiting rows whose adapters have been read, end those that cannot use them."""
        for row in [row for row in self._schedule.waiting if row.ready and not row.usable]:
            try:
                check_width(row.blend)
                row.usable = True
            except ModelError as error:
                log.warning("row %s refused: %s", row.generation.id, error)
                self._schedule.remove([row])
                yield self._end(row, failed(row.generation.id, error.code, error.message))

    def _fits(self, row: Row) -> bool:
        return row.usable and ranks_of([row.blend, *self._batch.blends]) <= MOST

    def _read(self) -> Iterator[Piece | Finished]:
        """Read a chunk of the joining prompt; at its end its rows write a first token and join."""
        if self._joining is None:
            return
        rows, prompt = self._joining.rows, self._joining.rows[0].prompt
        logits = self._read_chunk(self._joining)
        if self._joining.read == rows[0].opening:
            self._prefixes.keep(prompt[: rows[0].opening], rows[0].blend, self._spare)
            logits = self._read_chunk(self._joining)
        if self._joining.read == len(prompt):
            self._joining = None
            live = [row for row in rows if not row.ended]
            for row in live:
                self._schedule.charge(row, READ * len(prompt))
            yield from self._take(live, logits.repeat(len(live), 1))
            self._batch.join([row for row in live if not row.ended], self._spare)
            self._model.mix(self._batch.blends)

    def _read_chunk(self, joining: _Joining) -> torch.Tensor:
        """Logits after the next tokens; a chunk ends where an opening does, known or not."""
        row, start = joining.rows[0], joining.read
        end = row.opening if start < row.opening else len(row.prompt)
        chunk = row.prompt[start : min(start + CHUNK, end)]
        joining.read += len(chunk)
        return self._model.prefill(torch.tensor(chunk), self._spare, start, row.blend)

    def _advance(self) -> Iterator[Piece | Finished]:
        """One token more for each running row."""
        rows = self._batch.rows
        if rows:
            yield from self._take(rows, self._model.decode(*self._batch.inputs())[: len(rows)])

    def _take(self, rows: Sequence[Row], logits: torch.Tensor) -> Iterator[Piece | Finished]:
        choices = choose(logits, [self._sampling(row) for row in rows], self._model.reader)
        for row, choice in zip(rows, choices, strict=True):
            self._schedule.charge(row, WRITTEN)
            for event in row.take(choice, self.ends):
                yield self._end(row, event) if isinstance(event, Finished) else event

    def _sampling(self, row: Row) -> Sampling:
        return replace(row.sampling, favoured=self.ends) if row.may_end else row.sampling

    def _end(self, row: Row, finished: Finished) -> Finished:
        for name, _ in row.generation.mixture:
            self._adapters.release(name)
        return finished

    def _tidy(self) -> None:
        if self._joining and all(row.ended for row in self._joining.rows):
            self._joining = None
        if self._batch.tidy():
            self._model.mix(self._batch.blends)

    @property
    def _spare(self) -> int:
        """The slot in which prompts are read."""
        return self._model.slots.count - 1

    def _running(self) -> list[Row]:
        return [*self._batch.rows, *(self._joining.rows if self._joining else [])]

    def _live(self) -> list[Row]:
        return [*self._schedule.waiting, *self._running()]


def _alike(row: Row, first: Row) -> bool:
    return row.prompt == first.prompt and row.generation.mixture == first.generation.mixture
