"""Texts that say the same again; which of them stays depends on the texts, never on their order."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

from genre_models.corpora.text import Text

# standard error of the Jaccard estimate at 0.8: 0.05; candidates are checked exactly
PERMUTATIONS = 64
SHINGLE = 3  # words


def distinct(texts: Sequence[Text]) -> list[Text]:
    """One of all texts that are equal but for case, punctuation and white space."""
    first: dict[bytes, int] = {}
    for at in _fairly(texts):
        first.setdefault(hashlib.sha256(_words(texts[at].text).encode()).digest(), at)
    return [texts[at] for at in sorted(first.values())]


def dissimilar(texts: Sequence[Text], similarity: float) -> list[Text]:
    """Texts of which no two have a Jaccard similarity of `similarity` (0-1) or more.

    Compared are their word shingles. MinHash with locality-sensitive hashing (Broder 1997; Leskovec
    et al., Mining of Massive Datasets, 3.4) finds the candidates: a pair just above the threshold
    may be missed.
    """
    from datasketch import MinHash, MinHashLSH

    shingles = [_shingles(text.text) for text in texts]
    sketches = MinHash.bulk(shingles, num_perm=PERMUTATIONS)
    index = MinHashLSH(threshold=similarity, num_perm=PERMUTATIONS)
    kept: list[int] = []
    for at in _fairly(texts):
        if not any(
            _jaccard(shingles[at], shingles[other]) >= similarity
            for other in index.query(sketches[at])
        ):
            index.insert(at, sketches[at])
            kept.append(at)
    return [texts[at] for at in sorted(kept)]


def order(text: Text) -> tuple[bytes, str, str, str, bool, str]:
    """Sorts texts the same way whatever order they come in, and fairly: by a hash of the text.

    Of equal texts one with a request comes first.
    """
    digest = hashlib.sha256(text.text.encode()).digest()
    return digest, text.document, text.source, text.title, not text.request, text.request


def _fairly(texts: Sequence[Text]) -> list[int]:
    return sorted(range(len(texts)), key=lambda at: order(texts[at]))


def _words(text: str) -> str:
    return re.sub(r"\W+", " ", text.casefold()).strip()


def _shingles(text: str) -> set[bytes]:
    words = _words(text).split()
    return {
        " ".join(words[at : at + SHINGLE]).encode()
        for at in range(max(1, len(words) - SHINGLE + 1))
    }


def _jaccard(one: set[bytes], other: set[bytes]) -> float:
    return len(one & other) / len(one | other)
