"""What an engine takes and gives back: the interface that every backend keeps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Literal, Protocol

from genre_models.endings import ANY, Ending
from genre_models.engine.prompt import Prompt
from schemas.parts import SamplingParameters

TOP_K = 64  # sorting 64 instead of 49,152 logits; top-p 0.95 rarely reaches further

Reason = Literal["stop", "length", "cancelled", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """One text to write; the same row and seed give the same text, whatever runs beside it.

    `adapter` is an adapter's name (`genre@digest12`) or None for the base model; `blend` is (name,
    weight) pairs and excludes `adapter`. `temperature` 0 is greedy; above it, the 64 likeliest
    tokens are cut at `top_p`, and at `min_p` of the likeliest one's probability, and sampled.
    `repetition_penalty` 1 is none, small models need a little; it is of tokens of the text alone.
    From `usual_tokens` on a text may well end, and near `max_tokens` it does as soon as its
    `ending` has come; None: only the model ends it. `user` is who waits for it: the engine is fair.
    `stream` says whether anybody reads pieces before the end: where nobody does, an engine may
    write the row again.
    """

    id: str
    prompt: Prompt
    adapter: str | None = None
    blend: tuple[tuple[str, float], ...] = ()
    max_tokens: int = 64
    usual_tokens: int | None = None
    ending: Ending = ANY
    temperature: float = 0.8
    top_p: float = 0.95
    min_p: float = 0.0
    repetition_penalty: float = 1.1
    seed: int = 0
    stop: tuple[str, ...] = ()
    user: str = ""
    stream: bool = True

    def sampled(self, parameters: SamplingParameters) -> Generation:
        """This row with those of the parameters that are there."""
        given = {name: value for name, value in asdict(parameters).items() if value is not None}
        return replace(self, **given)

    @property
    def mixture(self) -> tuple[tuple[str, float], ...]:
        """(adapter name, weight) pairs, empty for the base model."""
        return ((self.adapter, 1.0),) if self.adapter else self.blend


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Text that a row has just added; the pieces of a row, joined, are its finished text."""

    id: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """The end of a row, exactly one for each that was submitted.

    `logprob` is the mean natural log-probability of the written tokens at temperature 1, 0.0 where
    none was written. `code` and `message` are set when it failed.
    """

    id: str
    reason: Reason
    text: str = ""
    logprob: float = 0.0
    tokens_in: int = 0
    tokens_out: int = 0
    code: str | None = None
    message: str | None = None


def failed(id: str, code: str, message: str) -> Finished:
    """The end of a row of which nothing was written."""
    return Finished(id=id, reason="failed", code=code, message=message)


class Engine(Protocol):
    """Writes many rows at once, driven by one thread that calls `step` until it is idle."""

    def submit(self, rows: Sequence[Generation]) -> None:
        """Queue rows with unique ids; returns at once.

        A row that cannot be written fails in a later step.
        """

    def step(self) -> list[Piece | Finished]:
        """Advance the running rows by one token each; returns what came of it."""

    def cancel(self, id: str) -> None:
        """Finish a row as `cancelled` in the next step; unknown and finished ids are ignored."""

    def prefetch(self, adapters: Sequence[str]) -> None:
        """Rows with these adapters will come: have them ready."""

    @property
    def idle(self) -> bool:
        """True when no row waits or runs."""


def written(engine: Engine, rows: Sequence[Generation]) -> list[Finished]:
    """The ends of all rows, in their order, from an engine that does nothing else."""
    engine.submit(rows)
    ends: dict[str, Finished] = {}
    while not engine.idle:
        ends |= {end.id: end for end in engine.step() if isinstance(end, Finished)}
    return [ends[row.id] for row in rows]
