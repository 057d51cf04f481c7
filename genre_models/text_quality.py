"""How good a text is for anybody: an answer, complete, not repetitive, fluent, of its genre."""

from __future__ import annotations

import re
from math import exp

NEAR_DUPLICATE = 0.8  # of `similarity`: the texts are one

_WORD = re.compile(r"\w+")
_JUDGED = 0.6  # of the quality, where the text was judged


def quality(
    text: str,
    model_score: float | None = None,
    text_probability: float | None = None,
    is_cut: bool = False,
    judged: float | None = None,
) -> float:
    """In [0, 1]. What is unknown counts as middling; `is_cut` says that the text breaks off.

    `judged` in [0, 1] is how probably it is a good answer to its request; without it, the text
    alone is what counts.

    >>> round(quality("Why did the duck cross the pond? To get to the other tide."), 2)
    0.72
    >>> round(quality("the the the the the the the the"), 2)
    0.48
    """
    words = _WORD.findall(text.lower())
    alone = (
        0.35 * (0.5 if text_probability is None else text_probability)
        + 0.25 * variety(words)
        + 0.2 * min(1.0, len(words) / 8) * (0.6 if is_cut else 1.0)
        + 0.2 * (0.5 if model_score is None else 1 / (1 + exp(-1.5 * (model_score + 2.5))))
    )
    return alone if judged is None else _JUDGED * judged + (1 - _JUDGED) * alone


def variety(words: list[str]) -> float:
    """Share of distinct word triples in [0, 1], squared: three repeats fall to a ninth."""
    triples = list(zip(words, words[1:], words[2:], strict=False))
    return (len(set(triples)) / len(triples)) ** 2 if triples else 1.0


def similarity(one: frozenset[str], other: frozenset[str]) -> float:
    """Jaccard index in [0, 1] of two texts' `shingles`.

    >>> similarity(shingles("A small red fox."), shingles("a small  red fox."))
    1.0
    """
    return len(one & other) / max(1, len(one | other))


def shingles(text: str) -> frozenset[str]:
    """The character 5-grams of a text, case and spacing aside."""
    plain = " ".join(text.lower().split())
    return frozenset(plain[k : k + 5] for k in range(max(1, len(plain) - 4)))
