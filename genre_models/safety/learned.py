"""How probably a request or a text is harmful, learned from written requests and ordinary texts.

Kernel ridge regression (Rasmussen and Williams 2006, chapter 6.5): a request is compared with some
of the examples, the landmarks, in what an encoder makes of it (a Gaussian kernel on principal
components) and in its words (cosine).
One column of the regression tells harm, one for each category its kind; a logistic regression on
both, by category, calibrates. Where that leaves doubt, further opinions may be heard: their
log-odds are added.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from genre_models.arrays import unpacked
from genre_models.safety.words import Unit, WordScores
from schemas.errors import ModelError

WIDTH = 1.0  # of the Gaussian
# Of one text that the encoder is asked about: each takes it as long as a request, in doubt longer.
PIECES = 3
_UNITS: tuple[Unit, ...] = get_args(Unit)
# Parts of a text: encoders read that many characters, of languages without gaps fewer.
_LONG = re.compile(r"(?s).{1,600}(?:(?<=[.!?;\n])\s|\Z)|.{1,600}(?=\s|\Z)|.{1,600}")
_SHORT = re.compile(
    r"(?s).{1,200}(?:(?<=[.!?;\n\u3002\uff01\uff1f\uff1b])\s?|\Z)|.{1,200}(?=\s|\Z)|.{1,200}"
)
_PARTS: dict[Unit, re.Pattern[str]] = {"words": _LONG, "pieces": _SHORT}
# Characters that encoders read to the end, even where each is a token.
_WHOLE: dict[Unit, int] = {"words": 250, "pieces": 120}

UNREADABLE = "safety_unreadable"
"""The code of a file that is no fitted score."""
Floats = NDArray[np.float32]
# Log-odds from which on there is doubt. With a third opinion near the threshold .861 of the harm of
# three authors set aside is declined at .03 of their look-alikes, and .46 of ordinary requests are
# asked about; from -1.5 on .850 and .34, from -2.5 on .864 and .59.
DOUBT = -2.0

Encode = Callable[[Sequence[str]], Floats]
"""What an encoder makes of texts.  # [n, d]"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """What else is asked about texts whose log-odds so far are at least `least` and below `most`.

    `odds` tells what is added to these.  # [n]
    """

    odds: Callable[[Sequence[str]], Floats]
    least: float = DOUBT
    most: float = math.inf


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """The probability of harm, the most probable category, whether it is too much, and whether it
    is so little, about all of a short text, that it overrules rules which go by a word.
    Calibrated where there was no doubt; with opinions added, it is surer than it may be.
    """

    probability: float
    category: str
    is_harmful: bool
    overrules: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class Learned:
    """What was fitted. `mean` [d] and `axes` [d, k] give the components, of which the unit `rows`
    [landmarks, k] are those of some examples; `alpha` [landmarks, 1 + categories], and `words` what
    words add to that; `slope` and `shifts` [categories] calibrate; `threshold` is the probability
    from which on a request is harmful, `text_threshold` that of a text: more than any where it
    was set on none. A long text is scored in parts. `left_out` [n] are the log-odds of the
    examples, each by a fit without its author's.
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
    text_threshold: float = math.inf
    left_out: Floats

    @classmethod
    def from_bytes(cls, data: bytes) -> Learned:
        """What `to_bytes` wrote. Raises ModelError `safety_unreadable`."""
        try:
            held = unpacked(data)
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
                text_threshold=float(held["text_threshold"]),
                left_out=held["left_out"].astype(np.float32),
            )
        except (KeyError, IndexError, ValueError, TypeError) as error:
            raise unreadable(error) from error

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
            text_threshold=self.text_threshold,
            axes=axes,
            axes_scale=axes_scale,
            rows=rows,
            rows_scale=rows_scale,
            added=added,
            added_scale=added_scale,
            left_out=self.left_out,
        )
        return target.getvalue()

    def scores(
        self,
        texts: Sequence[str],
        encode: Encode,
        opinions: Sequence[Opinion] = (),
        *,
        are_requests: bool = True,
    ) -> list[Score]:
        """One each, that of its worst part.  # [n]"""
        least = self.threshold if are_requests else self.text_threshold
        odds, kinds = self.worst(texts, encode, opinions)
        return [
            self._score(text, float(each), int(kind), least)
            for text, each, kind in zip(texts, odds, kinds, strict=True)
        ]

    def worst(
        self, texts: Sequence[str], encode: Encode, opinions: Sequence[Opinion] = ()
    ) -> tuple[Floats, NDArray[np.intp]]:
        """The log-odds of the worst part of each text [n], and its category [n]."""
        parts = [self._parts(text) for text in texts]
        flat = [part for each in parts for part in each]
        if not flat:
            return np.zeros(0, np.float32), np.zeros(0, np.intp)
        odds, kinds = self.odds(self.values(flat, encode))
        add_opinions(opinions, odds, flat)
        starts = np.cumsum([0, *map(len, parts[:-1])])
        worst = [
            start + int(np.argmax(odds[start : start + len(each)]))
            for start, each in zip(starts, parts, strict=True)
        ]
        return odds[worst], kinds[worst]

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

    def _score(self, text: str, odds: float, kind: int, least: float) -> Score:
        probability = probable(odds)
        return Score(
            probability=round(probability, 4),
            category=self.categories[kind],
            is_harmful=probability >= least,
            overrules=odds < DOUBT and len(text) <= _WHOLE[self.words.unit],
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


def unreadable(got: Exception) -> ModelError:
    """The error of a file that is no fitted score."""
    return ModelError(UNREADABLE, f"expected a fitted score, got {got}: fit it again")


def probable(odds: float) -> float:
    """The probability that log-odds mean."""
    return 1.0 / (1.0 + math.exp(-odds))


def log_odds(probability: float) -> float:
    """The log-odds of a probability, at most 20 either way."""
    least = probable(-20.0)
    inside = min(max(probability, least), 1.0 - least)
    return math.log(inside / (1.0 - inside))


def add_opinions(opinions: Sequence[Opinion], odds: Floats, texts: Sequence[str]) -> None:
    """Add to log-odds what each opinion in turn says of the texts that it is asked about; in place.

    # odds [n], texts [n]
    """
    for opinion in opinions:
        asked = np.flatnonzero((odds >= opinion.least) & (odds < opinion.most)).tolist()
        if asked:
            odds[asked] += opinion.odds([texts[place] for place in asked])


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
