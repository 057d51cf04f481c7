"""What embeddings blur, the very words: cosine of tf-idf bags of words to a fixed list of texts."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_TOKEN = re.compile(r"[^\W_]+|[^\w\s]")
# characters: what is asked for stands at the beginning, material to work on comes after it
_LONGEST = 1000


class WordIndex:
    """Inverted index of a list of texts; tf is 1 + log count, idf smoothed as in scikit-learn.

    >>> [round(float(each), 2) for each in WordIndex(["a joke", "a poem"]).similarity("one joke")]
    [0.45, 0.0]
    """

    def __init__(self, texts: Sequence[str]) -> None:
        self._size = len(texts)
        bags = [_bag(text) for text in texts]
        frequency = Counter(word for bag in bags for word in bag)
        self._rarest = math.log(1 + self._size) + 1
        self._idf = {
            word: math.log((1 + self._size) / (1 + count)) + 1 for word, count in frequency.items()
        }
        self._postings = self._index([self._unit(bag) for bag in bags])

    def similarity(self, text: str) -> NDArray[np.float32]:
        """Cosine with each text, 0..1.  # [texts]"""
        scores = np.zeros(self._size, np.float32)
        for word, weight in self._unit(_bag(text)).items():
            if word in self._postings:
                rows, weights = self._postings[word]
                scores[rows] += weight * weights
        return scores

    def gram(self) -> NDArray[np.float32]:
        """Cosine of each text with each.  # [texts, texts]"""
        gram = np.zeros((self._size, self._size), np.float32)
        for rows, weights in self._postings.values():
            gram[np.ix_(rows, rows)] += np.outer(weights, weights)
        return gram

    def _unit(self, bag: dict[str, float]) -> dict[str, float]:
        """The bag weighted by idf, of length 1.

        A word never seen counts as the rarest: it matches nothing.
        """
        weighted = {word: count * self._idf.get(word, self._rarest) for word, count in bag.items()}
        length = math.sqrt(sum(weight * weight for weight in weighted.values())) or 1.0
        return {word: weight / length for word, weight in weighted.items()}

    @staticmethod
    def _index(
        bags: list[dict[str, float]],
    ) -> dict[str, tuple[NDArray[np.intp], NDArray[np.float32]]]:
        found: dict[str, list[tuple[int, float]]] = {}
        for row, bag in enumerate(bags):
            for word, weight in bag.items():
                found.setdefault(word, []).append((row, weight))
        return {
            word: (
                np.array([row for row, _ in pairs], np.intp),
                np.array([weight for _, weight in pairs], np.float32),
            )
            for word, pairs in found.items()
        }


def _bag(text: str) -> dict[str, float]:
    return {
        word: 1 + math.log(count)
        for word, count in Counter(_TOKEN.findall(text[:_LONGEST].lower())).items()
    }
