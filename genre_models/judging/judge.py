"""How probably a text is a good answer to a request, and what speaks against it.

Logistic regression on the signs, each with bends, and on the products of both embeddings (in which
directions of meaning they must agree). It is a sum, so that each sign's part can be told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from genre_models.judging.signs import SIGNS, Answer, signs
from schemas.errors import ModelError

FILE = Path(__file__).parent / "judge.json"
BENDS = (-0.5, 0.5, 1.5)  # standard deviations from a sign's mean at which its slope may change
_TELLING = 0.7  # log-odds below an ordinary good text from which on a sign is told
_TOLD = 3

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """`probability` in [0, 1] that the text is a good answer; `remarks` on what speaks against."""

    probability: float
    remarks: tuple[str, ...] = ()


class Sign(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One sign's part: `mean` and `deviation` of its values, its `slopes` (the first everywhere,
    the others from each of `BENDS` on), and what good texts have of it in the mean (`ordinary`).
    """

    mean: float
    deviation: float
    slopes: tuple[float, ...]
    ordinary: float = 0.0


class Weights(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that was learned; `report` is how well it does on pairs of another author."""

    signs: dict[str, Sign]
    directions: tuple[float, ...]
    intercept: float
    report: dict[str, object]


class Judge:
    """Any thread may ask."""

    def __init__(self, weights: Weights) -> None:
        self.weights = weights
        columns = weights.signs.values()
        self._means = np.array([each.mean for each in columns])
        self._deviations = np.array([each.deviation for each in columns])
        self._slopes = np.array([each.slopes for each in columns])  # [signs, 1 + bends]
        self._ordinary = np.array([each.ordinary for each in columns])
        self._directions = np.array(weights.directions)

    @classmethod
    def load(cls, file: Path = FILE) -> Judge:
        """The judge that comes with GENRE. Raises ModelError `judge_unreadable`."""
        try:
            weights = msgspec.json.decode(file.read_bytes(), type=Weights)
        except (OSError, msgspec.DecodeError) as error:
            raise ModelError(
                "judge_unreadable",
                f"expected a judge's weights in {file.name}, got {error}; "
                "train it by `python -m genre_models.judging`",
            ) from error
        if tuple(weights.signs) != tuple(SIGNS):
            raise ModelError(
                "judge_unreadable",
                f"expected a judge of {len(SIGNS)} signs in {file.name}, got other ones; "
                "train it again by `python -m genre_models.judging`",
            )
        return cls(weights)

    def judged(
        self, answers: Sequence[Answer], requests: NDArray[np.float32], texts: NDArray[np.float32]
    ) -> list[Judgement]:
        """One each; `requests` and `texts` [n, 384] are the embeddings of both (unit rows)."""
        if not answers:
            return []
        parts = self.parts(answers, requests, texts)
        odds = parts.sum(axis=1) + self.weights.intercept
        probabilities = 1 / (1 + np.exp(-np.clip(odds, -30.0, 30.0)))
        return [
            Judgement(probability=float(probability), remarks=_remarks(against))
            for probability, against in zip(probabilities, parts - self._ordinary, strict=True)
        ]

    def parts(
        self, answers: Sequence[Answer], requests: NDArray[np.float32], texts: NDArray[np.float32]
    ) -> Floats:
        """Log-odds [n, signs] that each sign adds; the directions count to the first, `alike`."""
        values = (signs(answers, requests, texts) - self._means) / self._deviations
        parts: Floats = (bent(values) * self._slopes).sum(axis=2)
        parts[:, 0] += (requests * texts) @ self._directions
        return parts


def bent(values: Floats) -> Floats:
    """[n, signs, 1 + bends]: values in standard deviations, and what they exceed each bend by."""
    bounded = np.clip(values, -4.0, 4.0)
    beyond = [np.maximum(bounded - bend, 0.0) for bend in BENDS]
    return np.stack([bounded, *beyond], axis=2)


def _remarks(against: Floats) -> tuple[str, ...]:
    phrases = tuple(SIGNS.values())
    worst = np.argsort(against, kind="stable")[:_TOLD]
    return tuple(phrases[k] for k in worst if against[k] < -_TELLING)
