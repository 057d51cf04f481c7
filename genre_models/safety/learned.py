"""How probably a request is harmful, learned from written ones.

Kernel ridge regression (Rasmussen and Williams 2006, chapter 6.5): a request is like an example in
what an encoder makes of it (a Gaussian kernel on principal components) and in its words (cosine).
One column of the regression tells harm, one for each category its kind; a logistic regression on
both, by category, calibrates.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import get_args
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from genre_models.safety.words import Unit, WordScores
from schemas.errors import ModelError

WIDTH = 1.0  # of the Gaussian
PIECES = 3  # of one text that the encoder is asked about: each takes it as long as a request
_UNITS: tuple[Unit, ...] = get_args(Unit)
# Parts of a text: encoders read that many characters, of languages without gaps fewer.
_LONG = re.compile(r"(?s).{1,600}(?:(?<=[.!?;\n])\s|\Z)|.{1,600}(?=\s|\Z)|.{1,600}")
_SHORT = re.compile(
    r"(?s).{1,200}(?:(?<=[.!?;\n\u3002\uff01\uff1f\uff1b])\s?|\Z)|.{1,200}(?=\s|\Z)|.{1,200}"
)
_PARTS: dict[Unit, re.Pattern[str]] = {"words": _LONG, "pieces": _SHORT}

Floats = NDArray[np.float32]
Encode = Callable[[Sequence[str]], Floats]
"""What an encoder makes of texts.  # [n, d]"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """The calibrated probability of harm, the most probable category, whether it is too much."""

    probability: float
    category: str
    is_harmful: bool


@dataclass(frozen=True, kw_only=True, eq=False)
class Learned:
    """What was fitted. `mean` [d] and `axes` [d, k] give the components, of which the unit `rows`
    [examples, k] are those of the examples; `alpha` [examples, 1 + categories], and `words` what
    words add to that; `slope` and `shifts` [categories] calibrate; `threshold` is the probability
    from which on a request is harmful. A long text is scored in parts.
    """

    categories: tuple[str, ...]
    mean: Floats
    axes: Floats
    rows: Floats
    alpha: Floats
    words: WordScores
    slope: float
    shifts: Floats
    threshold: float

    @classmethod
    def from_bytes(cls, data: bytes) -> Learned:
        """What `to_bytes` wrote. Raises ModelError `safety_unreadable`."""
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as held:
                return cls(
                    categories=tuple(map(str, held["categories"])),
                    mean=held["mean"].astype(np.float32),
                    axes=_full(held["axes"], held["axes_scale"]),
                    rows=_full(held["rows"], held["rows_scale"]),
                    alpha=held["alpha"].astype(np.float32),
                    words=WordScores(
                        unit=_UNITS[int(held["unit"])],
                        words=tuple(held["words"].tobytes().decode().split("\n")),
                        rarity=held["rarity"],
                        rarest=float(held["rarest"]),
                        added=_full(held["added"], held["added_scale"]),
                    ),
                    slope=float(held["slope"]),
                    shifts=held["shifts"].astype(np.float32),
                    threshold=float(held["threshold"]),
                )
        except (
            OSError,
            EOFError,
            KeyError,
            IndexError,
            ValueError,
            BadZipFile,
            TypeError,
        ) as error:
            raise ModelError(
                "safety_unreadable", f"expected a fitted score, got {error}: fit it again"
            ) from error

    def to_bytes(self) -> bytes:
        """As npz; components and what words add as one byte each, with a scale a column."""
        axes, axes_scale = _short(self.axes)
        rows, rows_scale = _short(self.rows)
        added, added_scale = _short(self.words.added)
        target = io.BytesIO()
        np.savez_compressed(
            target,
            categories=np.array(self.categories),
            mean=self.mean.astype(np.float16),
            alpha=self.alpha.astype(np.float16),
            unit=_UNITS.index(self.words.unit),
            words=np.frombuffer("\n".join(self.words.words).encode(), np.uint8),
            rarity=self.words.rarity,
            rarest=self.words.rarest,
            slope=self.slope,
            shifts=self.shifts,
            threshold=self.threshold,
            axes=axes,
            axes_scale=axes_scale,
            rows=rows,
            rows_scale=rows_scale,
            added=added,
            added_scale=added_scale,
        )
        return target.getvalue()

    def scores(self, texts: Sequence[str], encode: Encode) -> list[Score]:
        """One each, that of its worst part; a long text is scored in parts.  # [n]"""
        parts = [self._parts(text) for text in texts]
        flat = [part for each in parts for part in each]
        if not flat:
            return []
        odds, kinds = self.odds(self.values(flat, encode))
        found, start = [], 0
        for each in parts:
            worst = start + int(np.argmax(odds[start : start + len(each)]))
            found.append(self._score(float(odds[worst]), int(kinds[worst])))
            start += len(each)
        return found

    def values(self, texts: Sequence[str], encode: Encode) -> Floats:
        """The columns of the regression.  # [n, 1 + categories]"""
        points = np.asarray((encode(texts) - self.mean) @ self.axes, np.float32)
        words = np.stack([self.words.of(text) for text in texts])
        values: Floats = gaussian(unit(points), self.rows) @ self.alpha + words
        return values

    def odds(self, values: Floats) -> tuple[Floats, NDArray[np.intp]]:
        """Calibrated log-odds of harm [n] and the most probable category [n]."""
        kinds = values[:, 1:].argmax(axis=1)
        return self.slope * values[:, 0] + self.shifts[kinds], kinds

    def _score(self, odds: float, kind: int) -> Score:
        probability = 1.0 / (1.0 + float(np.exp(-odds)))
        return Score(
            probability=round(probability, 4),
            category=self.categories[kind],
            is_harmful=probability >= self.threshold,
        )

    def _parts(self, text: str) -> list[str]:
        """The first part of a text, and those with the most suspicious words."""
        first, *others = self._cut(text)
        return [first, *sorted(others, key=self._suspicion)[:-PIECES:-1]]

    def _cut(self, text: str) -> list[str]:
        """Parts that end with sentences or words where there are any."""
        parts = _PARTS[self.words.unit].findall(text)
        return [part.strip() for part in parts if part.strip()] or [text]

    def _suspicion(self, text: str) -> float:
        """By the words alone: what a long text's parts are chosen by."""
        return float(self.words.of(text)[0])


def unit(rows: Floats) -> Floats:
    """Rows of length 1."""
    scaled: Floats = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6)
    return scaled


def gaussian(ones: Floats, others: Floats) -> Floats:
    """Of unit rows.  # [n, k], [m, k] -> [n, m]"""
    likeness: Floats = np.exp(-2.0 * WIDTH * (1.0 - ones @ others.T))
    return likeness


def _short(matrix: Floats) -> tuple[NDArray[np.int8], Floats]:
    scale = np.abs(matrix).max(axis=0) / 127 + 1e-12
    return np.rint(matrix / scale).astype(np.int8), scale.astype(np.float32)


def _full(short: NDArray[np.int8], scale: Floats) -> Floats:
    full: Floats = short.astype(np.float32) * scale
    return full
