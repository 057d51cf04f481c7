from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from genre_models.classification.linear_head import Examples, LinearHead, softmax, some

CLASSES = ("a", "b", "c")


def clouds(seed: int = 0, spread: float = 0.4, classes: tuple[str, ...] = CLASSES) -> Examples:
    """Ten points around each axis, every other one from another source."""
    noise = np.random.default_rng(seed).normal(size=(10 * len(classes), 4))
    labels = np.repeat(np.arange(len(classes)), 10)
    return Examples(
        texts=("the same words",) * len(labels),
        embeddings=(np.eye(4)[labels] + spread * noise).astype(np.float32),
        labels=tuple(classes[label] for label in labels),
        sources=("one", "other") * (len(labels) // 2),
    )


def told(head: LinearHead, examples: Examples) -> NDArray[np.floating]:
    """Probabilities of each point, in the order of the head's classes."""
    return np.stack([head.probabilities(head.scores(each, None)) for each in examples.embeddings])


def right(head: LinearHead, examples: Examples) -> float:
    found = told(head, examples).argmax(1)
    labels = zip(found, examples.labels, strict=True)
    return float(np.mean([head.classes[at] == label for at, label in labels]))


@pytest.mark.parametrize("classes", [CLASSES, ("7", "10", "2"), ("7", "10")])
def test_it_learns_what_can_be_told_apart(classes: tuple[str, ...]) -> None:
    head, others = LinearHead.fit(clouds(classes=classes)), clouds(seed=1, classes=classes)
    assert right(head, others) >= 0.85
    np.testing.assert_allclose(told(head, others).sum(1), 1.0, atol=1e-5)


def test_words_tell_what_embeddings_do_not() -> None:
    examples = clouds(spread=0.0)
    alike = np.full(examples.embeddings.shape, 0.5, np.float32)
    texts = tuple(f"one {label}{label}" for label in examples.labels)
    head = LinearHead.fit(replace(examples, embeddings=alike, texts=texts))
    assert head.classes[int(head.scores(alike[0], "two bb").argmax())] == "b"


def test_noise_makes_it_modest() -> None:
    noise = clouds(seed=2, spread=50.0)
    sure, unsure = LinearHead.fit(clouds(spread=0.1)), LinearHead.fit(noise)
    points = replace(noise, embeddings=noise.embeddings / np.float32(50))
    assert sure.temperature > unsure.temperature
    assert told(unsure, points).max() < 0.9


def test_a_class_with_few_examples_is_not_drowned() -> None:
    examples = clouds(spread=0.2)
    rows = [*range(22)]
    few = Examples(
        texts=examples.texts[:22],
        embeddings=examples.embeddings[rows],
        labels=examples.labels[:22],
        sources=examples.sources[:22],
    )
    head = LinearHead.fit(few)
    assert (told(head, examples).argmax(1)[22:] == head.classes.index("c")).all()


def test_a_new_class_is_learned_beside_the_others_and_forgotten() -> None:
    head = LinearHead.fit(clouds())
    four = clouds(spread=0.1, classes=(*CLASSES, "d"))
    grown = head.grown(replace(four, embeddings=head.points(four.embeddings)), {"d"})
    # It gets what lies between it and another, as one of few examples must.
    assert grown.classes == (*CLASSES, "d") and right(grown, four) >= 0.9
    np.testing.assert_array_equal(grown.meaning[:, :3], head.meaning)
    assert grown.grown(clouds(), ()).classes == CLASSES


def test_one_class_alone_is_always_it() -> None:
    head = LinearHead.fit(clouds(classes=("a",)))
    assert told(head, clouds()).max() == 1.0


def test_embeddings_that_point_one_way_are_centred() -> None:
    examples = clouds(spread=0.1)
    shifted = replace(examples, embeddings=examples.embeddings + 100)
    assert right(LinearHead.fit(shifted), shifted) == 1.0


def test_of_many_examples_a_few_stand_for_a_class_and_all_for_a_new_one() -> None:
    labels = ["a"] * 9000 + ["b"] * 9000 + ["c"] * 3
    rows = some(labels, {"b"})
    counts = [sum(labels[row] == label for row in rows) for label in CLASSES]
    assert 0 < counts[0] <= 1000 and counts[1:] == [9000, 3] and max(rows[: counts[0]]) > 8900


def test_softmax_of_large_numbers() -> None:
    np.testing.assert_allclose(softmax(np.array([1e4, 0.0])), [1.0, 0.0])
