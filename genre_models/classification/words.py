"""What embeddings blur, the very words: tf-idf bags of words and pairs of words, hashed.

Weinberger et al. 2009 (signed hashing); idf smoothed as in scikit-learn.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

BUCKETS = 1 << 15
_TOKEN = re.compile(r"[^\W_]+|[^\w\s]")
_LINK = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)
# characters: what is asked for stands at the beginning, material to work on comes after it
_LONGEST = 1000


def says_something(text: str) -> bool:
    """Whether a text has a letter or a digit beside its links.

    >>> says_something("a joke"), says_something("🎂 ..."), says_something("https://example.org/a")
    (True, False, False)
    """
    return any(character.isalnum() for character in _LINK.sub(" ", text))


def counted(text: str) -> Counter[str]:
    """How often a text has each of its words, and each pair of neighbours."""
    words = _TOKEN.findall(text[:_LONGEST].lower())
    return Counter([*words, *map(" ".join, pairwise(words))])


def bag(text: str) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Buckets of what is `counted`, in its order, and their weights: signed 1 + log count."""
    counts = counted(text)
    hashes = [crc32(word.encode()) for word in counts]
    buckets = np.array([each % BUCKETS for each in hashes], np.intp)
    signs = [1.0 if each >> 31 else -1.0 for each in hashes]
    weights = [
        sign * (1 + math.log(count)) for sign, count in zip(signs, counts.values(), strict=True)
    ]
    return buckets, np.array(weights, np.float32)


def bags(texts: Sequence[str]) -> csr_matrix:
    """The bags of texts.  # [texts, BUCKETS]"""
    pairs = [bag(text) for text in texts]
    lengths = np.cumsum([0, *(len(buckets) for buckets, _ in pairs)])
    buckets = np.concatenate([np.zeros(0, np.intp), *(each for each, _ in pairs)])
    weights = np.concatenate([np.zeros(0, np.float32), *(each for _, each in pairs)])
    return csr_matrix((weights, buckets, lengths), shape=(len(texts), BUCKETS))


def rarity(bags: csr_matrix) -> NDArray[np.float32]:
    """Inverse document frequency of each bucket.  # [BUCKETS]"""
    frequency = np.bincount(bags.indices, minlength=BUCKETS)
    idf: NDArray[np.float32] = np.log((1 + bags.shape[0]) / (1 + frequency)).astype(np.float32) + 1
    return idf
