"""The local engine: a transformers model, wrapped so that every row of a batch has its own adapters.

Exact (fp32). Rows join and leave between steps; the candidates of one request that share prompt and adapter share one
prefill. Prompts are prefilled one by one, so that a row's bits never depend on the prompts beside it.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from genre_models.adapters import AdapterName, AdapterStore
from genre_models.engine.attention import SlotCache, use_grouped_attention, visible_mask
from genre_models.engine.batch import Batch
from genre_models.engine.generation import Finished, Generation, Piece
from genre_models.engine.mixture import Blend, Mixer, Weights
from genre_models.engine.prompt import encode
from genre_models.engine.row import Row
from genre_models.engine.sampling import choose
from genre_models.engine.writing import Writing
from schemas.errors import ModelError

log = logging.getLogger(__name__)

LEAST_PROMPT = 64  # tokens that a prompt keeps at least, however many new tokens are asked for


class TransformersEngine:
    """An `Engine` for Llama-like models on the CPU. All its methods belong to one thread.

    `base` is a prepared folder (genre_models.weights), `rows` how many run at once, `context` the most tokens of a
    row's prompt and text (46 kB each), `adapters` how many stay in memory (5 MB each at rank 8 on half of 30 layers).
    """

    def __init__(
        self,
        base: Path,
        store: AdapterStore,
        *,
        threads: int = 2,
        rows: int = 16,
        context: int = 1024,
        adapters: int = 16,
    ) -> None:
        from transformers import AutoModelForCausalLM, AutoTokenizer
        from transformers.utils.logging import disable_progress_bar

        disable_progress_bar()
        torch.set_num_threads(threads)
        self._model: Any = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32, local_files_only=True).eval()
        self._tokenizer: Any = AutoTokenizer.from_pretrained(base, local_files_only=True)
        use_grouped_attention(self._model)
        self._mixer = Mixer(self._model)
        self._store, self._most_rows, self._most_adapters = store, rows, adapters
        self._context = min(context, self._model.config.max_position_embeddings)
        self._ends = frozenset(self._tokenizer.all_special_ids)
        self._adapters: OrderedDict[str, Weights] = OrderedDict()
        self._waiting: list[Row] = []
        self._batch: Batch | None = None
        self._news: list[Piece | Finished] = []

    @property
    def idle(self) -> bool:
        """See Engine."""
        return not (self._waiting or self._batch or self._news)

    @property
    def rows(self) -> int:
        """Rows that wait or run."""
        return len(self._waiting) + (len(self._batch.rows) if self._batch else 0)

    def submit(self, rows: Sequence[Generation]) -> None:
        """See Engine."""
        for generation in rows:
            try:
                self._waiting.append(self._row(generation))
            except ModelError as error:
                log.warning("row %s refused: %s", generation.id, error)
                self._news.append(_refused(generation, error))

    def cancel(self, id: str) -> None:
        """See Engine."""
        running = self._batch.rows if self._batch else []
        for row in [*self._waiting, *running]:
            if row.generation.id == id and not row.ended:
                self._news.append(row.end("cancelled"))
        self._waiting = [row for row in self._waiting if not row.ended]

    @torch.inference_mode()
    def step(self) -> list[Piece | Finished]:
        """See Engine. A step in which rows join prefills one prompt too."""
        self._tidy()
        self._news += self._begin()
        self._news += self._advance()
        self._tidy()
        news, self._news = self._news, []
        return news

    def _row(self, generation: Generation) -> Row:
        room = self._context - generation.max_tokens
        if room < LEAST_PROMPT:
            raise ModelError(
                "context_exceeded",
                f"expected at most {self._context - LEAST_PROMPT} new tokens, got {generation.max_tokens}",
            )
        blend: Blend = tuple((self._load(name), weight) for name, weight in generation.mixture)
        prompt, cut = encode(self._tokenizer, generation.prompt, room)
        return Row(generation, tuple(prompt), cut, blend, Writing(self._tokenizer, generation.stop))

    def _load(self, name: str) -> Weights:
        weights = self._adapters.pop(name, None) or Weights.of(self._store.verified(AdapterName.parse(name)))
        self._adapters[name] = weights
        while len(self._adapters) > self._most_adapters:
            self._adapters.popitem(last=False)  # rows that use it hold on to it
        return weights

    def _begin(self) -> Iterator[Piece | Finished]:
        """Prefill the first waiting prompt, once for all waiting rows that share it and its adapters."""
        room = self._most_rows - (len(self._batch.rows) if self._batch else 0)
        if not self._waiting or room <= 0:
            return
        first = self._waiting[0]
        shared = [row for row in self._waiting if (row.prompt, row.blend) == (first.prompt, first.blend)][:room]
        self._waiting = [row for row in self._waiting if row not in shared]
        cache = SlotCache(max(row.length for row in shared))
        self._mixer.mix([first.blend])
        logits = self._forward(torch.tensor([first.prompt]), torch.arange(len(first.prompt))[None], None, cache)
        yield from self._take(shared, logits.expand(len(shared), -1))
        self._join(Batch(shared, cache.select(torch.zeros(len(shared), dtype=torch.long))))

    def _advance(self) -> Iterator[Piece | Finished]:
        """One token more for each running row."""
        if self._batch is None:
            return
        tokens, positions = self._batch.inputs()
        cache = self._batch.cache.at(positions)
        logits = self._forward(tokens, positions[:, None], visible_mask(positions, cache.visible), cache)
        live = [index for index, row in enumerate(self._batch.slots) if row is not None]
        yield from self._take(self._batch.rows, logits[live])

    def _forward(
        self, tokens: torch.Tensor, positions: torch.Tensor, mask: torch.Tensor | None, cache: SlotCache
    ) -> torch.Tensor:
        """Logits [rows, vocab] after the last of `tokens` [rows, tokens]."""
        logits: torch.Tensor = self._model(
            input_ids=tokens, position_ids=positions, attention_mask=mask, past_key_values=cache, logits_to_keep=1
        ).logits
        return logits[:, -1]

    def _take(self, rows: Sequence[Row], logits: torch.Tensor) -> Iterator[Piece | Finished]:
        for row, choice in zip(rows, choose(logits, [row.sampling for row in rows]), strict=True):
            yield from row.take(choice, self._ends)

    def _join(self, joining: Batch) -> None:
        if self._batch is None:
            self._batch = joining
        else:
            self._batch.join(joining)
        self._tidy()
        if self._batch:
            self._mixer.mix(self._batch.blends)

    def _tidy(self) -> None:
        """Let ended rows go."""
        if self._batch is None:
            return
        moved = self._batch.compact()
        if not self._batch.rows:
            self._batch = None
        elif moved:
            self._mixer.mix(self._batch.blends)


def _refused(generation: Generation, error: ModelError) -> Finished:
    return Finished(
        id=generation.id,
        text="",
        reason="failed",
        logprob=0.0,
        tokens_in=0,
        tokens_out=0,
        code=error.code,
        message=error.message,
    )
