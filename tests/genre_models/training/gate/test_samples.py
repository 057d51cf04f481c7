"""What is said of an adapter's samples."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from genre_models.training.gate.samples import Sample, copied, topic_hit

TOPICS = (
    "ants",
    "boats",
    "cats",
    "dogs",
    "eggs",
    "figs",
    "goats",
    "hats",
    "ink",
    "jam",
    "kites",
    "lamps",
)


class Naming:
    """An encoder for which a text is the topics that it names, and nothing beyond."""

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One row a text."""
        return np.array([[topic in text for topic in TOPICS] for text in texts], np.float32)


def samples(texts: Sequence[str]) -> list[Sample]:
    return [
        Sample(request=f"Something on {topic}", topic=topic, text=text)
        for topic, text in zip(TOPICS, texts, strict=True)
    ]


def test_a_text_hits_its_topic_when_no_other_is_nearer() -> None:
    assert topic_hit(samples([f"Of {topic}." for topic in TOPICS]), Naming()) == 1
    assert topic_hit(samples([f"Of {topic}." for topic in TOPICS[1:] + TOPICS[:1]]), Naming()) == 0
    half = [f"Of {topic}." if number % 2 else "Of nothing." for number, topic in enumerate(TOPICS)]
    assert topic_hit(samples(half), Naming()) == 0.5


def test_requests_that_leave_the_topic_open_do_not_count() -> None:
    told = samples([f"Of {topic}." for topic in TOPICS])
    opened = [Sample(request="Surprise me.", text="Of nothing.")] * 8
    assert topic_hit(told + opened, Naming()) == 1
    assert topic_hit(told[:9] + opened, Naming()) is None


@pytest.mark.parametrize(
    ("text", "share"), [("One two three four five six seven EIGHT!", 1), ("One two three", 0)]
)
def test_copying_is_the_share_of_eight_words_in_a_row_that_training_texts_have(
    text: str, share: float
) -> None:
    assert copied([text], ["zero one two, three four five six seven eight nine"]) == share


def test_copied_counts_sequences_of_eight_words() -> None:
    known = ["One two three four five six seven eight nine."]
    assert copied(["one two three four five six seven eight"], known) == 1.0
    assert copied(["two three four five six seven eight ten", "short"], known) == 0.0
