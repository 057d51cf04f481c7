"""One row while the engine works on it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from genre_models.engine.adapter_cache import Loading
from genre_models.engine.generation import Finished, Generation, Piece, Reason
from genre_models.engine.mixture import Blend
from genre_models.engine.sampling import Choice, Sampling
from genre_models.engine.writing import Writing

NEAR = 0.8  # of its most tokens: from there a text ends with the next sentence, or line


@dataclass(slots=True, eq=False)
class Row:
    """What is known of a row beyond its keys and values.

    That is its prompt, of which what the user wrote begins behind `opening` tokens, its text so
    far, whether its adapters were read and fit (`usable`), and whether it has ended.
    """

    generation: Generation
    prompt: tuple[int, ...]
    loading: tuple[tuple[Loading, float], ...]
    writing: Writing
    opening: int = 0
    usable: bool = False
    last: int = 0
    written: int = 0
    logprobs: float = 0.0
    ended: bool = False

    @property
    def ready(self) -> bool:
        """Whether its adapters have been read, or cannot be."""
        return all(loading.done() for loading, _ in self.loading)

    @property
    def blend(self) -> Blend:
        """Its adapters and their weights, once ready.

        Raises ModelError for one that cannot be read.
        """
        return tuple((loading.result(), weight) for loading, weight in self.loading)

    @property
    def flows(self) -> tuple[tuple[str, str], ...]:
        """Between whom the engine is fair: (kind, name) pairs."""
        genres = {name.partition("@")[0] for name, _ in self.generation.mixture}
        return ("user", self.generation.user), ("genre", "+".join(sorted(genres)))

    @property
    def position(self) -> int:
        """Where the last written token belongs, counted from the prompt's first."""
        return len(self.prompt) + self.written - 1

    @property
    def may_end(self) -> bool:
        """Whether it is as long as its texts usually are."""
        usual = self.generation.usual_tokens
        return usual is not None and self.written >= usual

    @property
    def sampling(self) -> Sampling:
        """How its next token is chosen."""
        wanted = self.generation
        return Sampling(
            temperature=wanted.temperature,
            top_p=wanted.top_p,
            min_p=wanted.min_p,
            seed=wanted.seed,
            position=self.written,
            repetition_penalty=wanted.repetition_penalty,
            written=self.writing.tokens,
        )

    def take(self, choice: Choice | None, ends: frozenset[int]) -> Iterator[Piece | Finished]:
        """Add the next token; `ends` are the tokens that end a text."""
        if choice is None:
            message = "expected finite logits, got NaN: the adapter or a weight is broken"
            yield self.end("failed", "not_finite", message)
            return
        self.last = choice.token
        self.written += 1
        self.logprobs += choice.logprob
        text = "" if self.last in ends else self.writing.add(self.last)
        stops = self.last in ends or self.writing.stopped or self._has_come_to_its_end()
        last = stops or self.written >= self.generation.max_tokens
        text += self.writing.close() if last else ""
        if text:
            yield Piece(id=self.generation.id, text=text)
        if last:
            yield self.end("stop" if stops else "length")

    def _has_come_to_its_end(self) -> bool:
        wanted = self.generation
        is_near = wanted.usual_tokens is not None and self.written >= NEAR * wanted.max_tokens
        return is_near and wanted.ending.has_come(self.writing.text)

    def end(self, reason: Reason, code: str | None = None, message: str | None = None) -> Finished:
        """Its last word."""
        self.ended = True
        return Finished(
            id=self.generation.id,
            text=self.writing.text,
            reason=reason,
            logprob=self.logprobs / max(1, self.written),
            tokens_in=len(self.prompt),
            tokens_out=self.written,
            code=code,
            message=message,
        )
