"""How probably a request is harmful, learned from written ones.

Kernel ridge regression (Rasmussen and Williams 2006, chapter 6.5): a request is like an example in
what the encoder's last four layers make of it (a Gaussian kernel on their principal components)
and in its words (cosine). One column of the regression tells harm, one for each category its kind;
a logistic regression on both, by category, calibrates.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from genre_models.encoder import LayeredEncoder
from genre_models.safety.examples import learned_from
from genre_models.safety.words import WordIndex
from schemas.errors import ModelError

WIDTH, WORDS = 1.0, 0.3  # of the Gaussian; weight of the words' cosine
PIECE = 600  # characters of a long text that are scored at a time, by whole sentences
PIECES = 4  # of one text that the encoder is asked about: each takes it as long as a request
_PIECE = re.compile(
    rf"(?s).{{1,{PIECE}}}(?:(?<=[.!?;\n])\s|\Z)|.{{1,{PIECE}}}(?=\s|\Z)|.{{1,{PIECE}}}"
)

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """The calibrated probability of harm, the most probable category, whether it is too much."""

    probability: float
    category: str
    is_harmful: bool


@dataclass(frozen=True, kw_only=True, eq=False)
class Learned:
    """What was fitted. `mean` [4 * 384] and `axes` [4 * 384, k] give the components, of which the
    unit `rows` [examples, k] are those of the examples; `alpha` [examples, 1 + categories];
    `slope` and `shifts` [categories] calibrate; `threshold` is the probability from which on a
    request is harmful.
    """

    categories: tuple[str, ...]
    mean: Floats
    axes: Floats
    rows: Floats
    alpha: Floats
    slope: float
    shifts: Floats
    threshold: float

    @classmethod
    def from_bytes(cls, data: bytes) -> Learned:
        """What `to_bytes` wrote. Raises ModelError `safety_unreadable`."""
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as held:
                found = cls(
                    categories=tuple(map(str, held["categories"])),
                    mean=held["mean"].astype(np.float32),
                    axes=_full(held["axes"], held["axes_scale"]),
                    rows=_full(held["rows"], held["rows_scale"]),
                    alpha=held["alpha"].astype(np.float32),
                    slope=float(held["slope"]),
                    shifts=held["shifts"].astype(np.float32),
                    threshold=float(held["threshold"]),
                )
        except (OSError, EOFError, KeyError, ValueError, BadZipFile, TypeError) as error:
            raise _unreadable("a fitted score", str(error)) from error
        if len(found.rows) != len(learned_from()):
            raise _unreadable(f"one of {len(learned_from())} examples", str(len(found.rows)))
        return found

    def to_bytes(self) -> bytes:
        """As npz; components as one byte each, with a scale a column."""
        axes, axes_scale = _short(self.axes)
        rows, rows_scale = _short(self.rows)
        target = io.BytesIO()
        np.savez_compressed(
            target,
            categories=np.array(self.categories),
            mean=self.mean.astype(np.float16),
            axes=axes,
            axes_scale=axes_scale,
            rows=rows,
            rows_scale=rows_scale,
            alpha=self.alpha.astype(np.float16),
            slope=self.slope,
            shifts=self.shifts,
            threshold=self.threshold,
        )
        return target.getvalue()

    def scores(self, texts: Sequence[str], encoder: LayeredEncoder) -> list[Score]:
        """One each, that of its worst part; a long text is scored in parts.  # [n]"""
        parts = [self._parts(text) for text in texts]
        flat = [part for each in parts for part in each]
        if not flat:
            return []
        odds, kinds = self.odds(self.kernel(flat, encoder))
        found, start = [], 0
        for each in parts:
            worst = start + int(np.argmax(odds[start : start + len(each)]))
            found.append(self._score(float(odds[worst]), int(kinds[worst])))
            start += len(each)
        return found

    def kernel(self, texts: Sequence[str], encoder: LayeredEncoder) -> Floats:
        """Likeness to each example.  # [n, examples]"""
        points = np.asarray((stacked(encoder.layers(texts)) - self.mean) @ self.axes, np.float32)
        words = np.stack([self._index.similarity(text) for text in texts])
        return gaussian(unit(points), self.rows) + WORDS * words

    def odds(self, kernel: Floats) -> tuple[Floats, NDArray[np.intp]]:
        """Calibrated log-odds of harm [n] and the most probable category [n]."""
        values = kernel @ self.alpha
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
        """The first piece of a text, and those with the most suspicious words."""
        first, *others = _cut(text)
        return [first, *sorted(others, key=self._suspicion)[:-PIECES:-1]]

    def _suspicion(self, text: str) -> float:
        """By the words alone: what a long text's pieces are chosen by."""
        return float(self._index.similarity(text) @ self.alpha[:, 0])

    @cached_property
    def _index(self) -> WordIndex:
        return WordIndex([each.text for each in learned_from()])


def _cut(text: str) -> list[str]:
    """Pieces of about `PIECE` characters, at the ends of sentences or words where there are any."""
    return [piece.strip() for piece in _PIECE.findall(text) if piece.strip()] or [text]


def stacked(layers: Floats) -> Floats:
    """The layers of a text side by side.  # [n, 4, 384] -> [n, 4 * 384]"""
    flat: Floats = layers.reshape(len(layers), -1)
    return flat


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


def _unreadable(expected: str, got: str) -> ModelError:
    return ModelError("safety_unreadable", f"expected {expected}, got {got}: fit it again")
