"""The gate: what an adapter must show before anybody's request meets it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from genre_models.adapters.name import POOLED
from genre_models.training.gate.controls import Control
from genre_models.training.gate.samples import Sample

MOST_SHIFT = 1.0  # nats a token; the starter adapters lie between 0.18 and 0.69
MOST_HELD_BACK = 0.05  # share of samples; those are held back in service too
# of 20 samples; 0.1 is what an adapter reaches that ignores what it is asked
LEAST_TOPIC_HIT = 0.25
MOST_COPIED = 0.05  # share of sequences of eight words, beyond what held-out texts have


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """All that the gate judges by; losses on held-out texts in nats a token.

    `topic_hit` None: not measured.
    """

    loss: float
    base_loss: float
    controls: Sequence[Control]
    shift: float
    samples: Sequence[Sample]
    topic_hit: float | None
    copied: float
    copied_held_out: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One check: what was measured, what it must stay below (or reach), and whether it does."""

    check: str
    value: float
    bound: float
    passed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """Every finding, and the checks for which there was nothing to compare with."""

    findings: tuple[Finding, ...]
    missing: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether the adapter may be published."""
        return all(finding.passed for finding in self.findings)

    @property
    def reasons(self) -> str:
        """What was not passed, in words."""
        return "; ".join(
            f"{each.check} is {each.value:.3g}, the bound {each.bound:.3g}"
            for each in self.findings
            if not each.passed
        )


def judge(genre: str, measured: Measured) -> Judgement:
    """Weigh what was measured. A number that is not finite passes nothing."""
    own, pooled, wrong = _by_kind(genre, measured.controls)
    rivals = [("perplexity of the base model", measured.base_loss)]
    rivals += [(f"perplexity of the parent {each.name}", each.loss) for each in own]
    rivals += [(f"perplexity of another genre's {each.name}", each.loss) for each in wrong]
    rivals += [(f"perplexity of the pooled {each.name}", each.loss) for each in pooled]
    findings = [
        _below(f"own perplexity against the {name}", math.exp(measured.loss), math.exp(loss))
        for name, loss in rivals
    ]
    return Judgement(
        findings=(*findings, *_of_texts(measured)),
        missing=tuple(
            name
            for name, there in (("parent", own), ("wrong genre", wrong), ("pooled", pooled))
            if not there
        ),
    )


def _of_texts(measured: Measured) -> Iterable[Finding]:
    held_back = sum(sample.held_back is not None for sample in measured.samples) / max(
        len(measured.samples), 1
    )
    empty = sum(not sample.text.strip() for sample in measured.samples) / max(
        len(measured.samples), 1
    )
    yield _below("drift on ordinary prompts (nats)", measured.shift, MOST_SHIFT)
    yield _most("share of samples held back for safety", held_back, MOST_HELD_BACK)
    yield _most("share of empty samples", empty, MOST_HELD_BACK)
    yield _most(
        "share of copied sequences of eight words",
        measured.copied,
        measured.copied_held_out + MOST_COPIED,
    )
    if measured.topic_hit is not None:
        passed = measured.topic_hit >= LEAST_TOPIC_HIT
        yield Finding(
            check="topic hit", value=measured.topic_hit, bound=LEAST_TOPIC_HIT, passed=passed
        )


def _by_kind(
    genre: str, controls: Sequence[Control]
) -> tuple[list[Control], list[Control], list[Control]]:
    """(own genre, pooled, the best of the others)."""
    own = [each for each in controls if each.genre == genre]
    pooled = [each for each in controls if each.genre == POOLED]
    return own, pooled, [each for each in controls if each.genre not in (genre, POOLED)][:1]


def _below(check: str, value: float, bound: float) -> Finding:
    return Finding(check=check, value=value, bound=bound, passed=value < bound)


def _most(check: str, value: float, bound: float) -> Finding:
    return Finding(check=check, value=value, bound=bound, passed=value <= bound)
