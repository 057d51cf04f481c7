"""Two classes under one name are told from one genre with two topics."""

from __future__ import annotations

import random

import numpy as np
import numpy.typing as npt
import pytest

from genre_models.training.texts.two_classes import TwoClasses, two_classes
from schemas.errors import Rejected

TOPICS = (("cat", "paw", "fur"), ("sea", "sky", "fog"))


def meaning(topics: list[int]) -> npt.NDArray[np.float32]:
    """Unit rows around one of two directions."""
    noise = np.random.default_rng(1).normal(0, 0.12, (len(topics), 16)).astype(np.float32)
    noise[np.arange(len(topics)), topics] += 1
    rows: npt.NDArray[np.float32] = noise / np.linalg.norm(noise, axis=1, keepdims=True)
    return rows


def question(topic: int, chance: random.Random) -> str:
    one, other = chance.sample(TOPICS[topic], 2)
    return (
        f"Why has the {one} a {other}? Because it is "
        f"{chance.choice(('old', 'wet', 'here', 'ours'))}!"
    )


def clause(topic: int, chance: random.Random) -> str:
    return (
        f"Any {chance.choice(TOPICS[topic])} shall, under these terms; "
        f"be {chance.choice(('void', 'due', 'kept'))}."
    )


def test_two_ways_of_writing_are_two_classes_and_two_topics_are_one() -> None:
    chance, topics = random.Random(1), [0, 1] * 40
    quotable = [True] * len(topics)
    one = two_classes([question(topic, chance) for topic in topics], meaning(topics), quotable)
    two = two_classes(
        [(question, clause)[topic](topic, chance) for topic in topics], meaning(topics), quotable
    )
    assert one.score < 0.5 * two.score
    with pytest.raises(Rejected, match=r"Why has the .* and 'Any ") as refused:
        in_order(two).check()
    assert refused.value.code == "two_classes"


def test_only_texts_of_nobody_are_quoted() -> None:
    chance, topics = random.Random(1), [0, 1] * 40
    texts = [(question, clause)[topic](topic, chance) for topic in topics]
    found = two_classes(texts, meaning(topics), [topic == 1 for topic in topics])
    (quoted,) = found.examples
    assert quoted.startswith("Any ")
    with pytest.raises(Rejected, match=r"two kinds, such as 'Any [^']*' \(score"):
        found.check()
    with pytest.raises(Rejected, match=r"two kinds \(score"):
        two_classes(texts, meaning(topics), [False] * len(texts)).check()


def in_order(found: TwoClasses) -> TwoClasses:
    """Which half comes first is chance."""
    one, other = sorted(found.examples, reverse=True)
    return TwoClasses(score=found.score, one=one, other=other)


def test_some_odd_texts_are_no_class() -> None:
    chance, topics = random.Random(1), [0] * 95 + [1] * 5
    texts = [(question, clause)[topic](topic, chance) for topic in topics]
    found = two_classes(texts, meaning(topics), [True] * len(texts))
    assert found.score == 0 and not found.suspect
    found.check()
