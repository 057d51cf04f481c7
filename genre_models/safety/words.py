"""What embeddings blur, the very words: cosine of tf-idf bags of words to a fixed list of texts."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Unit = Literal["words", "pieces"]
"""What texts are counted by: words and signs, or two to four neighbours of their characters, which
serve languages that bend words or write no gaps.
"""

_TOKEN = re.compile(r"[^\W_]+|[^\w\s]")
# characters: what is asked for stands at the beginning, material to work on comes after it
_LONGEST = {"words": 1000, "pieces": 400}
_PIECES = (2, 3, 4)
_BLOCK = 1024  # texts at a time: nearly all of them have the most frequent words


@dataclass(frozen=True, kw_only=True)
class WordScores:
    """Sums over a list of texts: of the cosine with each, times what that text adds.

    As a cosine is a sum over words, so is this: what a word adds is known before a text comes.
    `rarity` [words] is their inverse document frequency, smoothed as in scikit-learn, `rarest` that
    of a word that no text has; `added` [words, m].
    """

    unit: Unit
    words: tuple[str, ...]
    rarity: NDArray[np.float32]
    rarest: float
    added: NDArray[np.float32]

    def of(self, text: str) -> NDArray[np.float32]:
        """The sums for a text.  # [m]"""
        bag = _bag(text, self.unit)
        found = [(self._places[word], count) for word, count in bag.items() if word in self._places]
        places = np.array([place for place, _ in found], np.intp)
        counts = np.array([count for _, count in found], np.float32)
        weights = counts * self.rarity[places]
        strange = sum(count**2 for word, count in bag.items() if word not in self._places)
        length = math.sqrt(float(weights @ weights) + strange * self.rarest**2) or 1.0
        return (weights @ self.added[places] / np.float32(length)).astype(np.float32)

    @cached_property
    def _places(self) -> dict[str, int]:
        return {word: place for place, word in enumerate(self.words)}


class WordIndex:
    """Inverted index of a list of texts; tf is 1 + log count. Pieces that one text alone has are
    left out.

    >>> found = WordIndex(["a joke", "a poem"]).scores([[1.0], [0.0]]).of("one joke")
    >>> round(float(found[0]), 2)
    0.45
    """

    def __init__(self, texts: Sequence[str], unit: Unit = "words") -> None:
        self._size, self._unit = len(texts), unit
        bags = [_bag(text, unit) for text in texts]
        frequency = Counter(word for bag in bags for word in bag)
        least = 2 if unit == "pieces" else 1
        self._rarest = math.log(1 + self._size) + 1
        self._rarity = {
            word: math.log((1 + self._size) / (1 + count)) + 1
            for word, count in frequency.items()
            if count >= least
        }
        self._postings = self._index(bags)

    def scores(self, factors: ArrayLike) -> WordScores:
        """The sums for texts to come, of what these add.  # [texts, m]"""
        of_texts = np.asarray(factors, np.float32)
        added = np.zeros((len(self._postings), of_texts.shape[1]), np.float32)
        for row, (texts, weights) in zip(added, self._postings.values(), strict=True):
            row += weights @ of_texts[texts]
        return WordScores(
            unit=self._unit,
            words=tuple(self._postings),
            rarity=np.array([self._rarity[word] for word in self._postings], np.float32),
            rarest=self._rarest,
            added=added,
        )

    def gram(self, places: NDArray[np.intp]) -> NDArray[np.float32]:
        """Cosine of each text with those at `places`, each named once.  # [texts, places]"""
        gram = np.zeros((self._size, len(places)), np.float32)
        columns = np.full(self._size, -1)
        columns[places] = np.arange(len(places))
        for rows, weights in self._postings.values():
            there = columns[rows] >= 0
            own, theirs = columns[rows[there]], weights[there]
            for start in range(0, len(rows), _BLOCK):
                part = slice(start, start + _BLOCK)
                gram[np.ix_(rows[part], own)] += np.outer(weights[part], theirs)
        return gram

    def _index(
        self, bags: Sequence[Mapping[str, float]]
    ) -> dict[str, tuple[NDArray[np.intp], NDArray[np.float32]]]:
        found: dict[str, list[tuple[int, float]]] = {}
        for row, bag in enumerate(bags):
            weighted = {word: tf * self._rarity.get(word, self._rarest) for word, tf in bag.items()}
            length = math.sqrt(sum(weight * weight for weight in weighted.values())) or 1.0
            for word in weighted.keys() & self._rarity.keys():
                found.setdefault(word, []).append((row, weighted[word] / length))
        return {
            word: (
                np.array([row for row, _ in pairs], np.intp),
                np.array([weight for _, weight in pairs], np.float32),
            )
            for word, pairs in sorted(found.items())
        }


def _bag(text: str, unit: Unit) -> dict[str, float]:
    read = text[: _LONGEST[unit]].lower()
    counts = Counter(_TOKEN.findall(read) if unit == "words" else _pieces(read))
    return {word: 1 + math.log(count) for word, count in counts.items()}


def _pieces(text: str) -> Iterator[str]:
    """Neighbours of each word's characters, its edges being blanks."""
    for word in text.split():
        edged = f" {word} "
        for width in _PIECES:
            yield from (edged[at : at + width] for at in range(len(edged) - width + 1))
