from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from genre_models.classification.kernel_head import KernelHead, held_out, softmax


def clouds(seed: int = 0, spread: float = 0.4) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Three clouds of ten points each."""
    noise = np.random.default_rng(seed).normal(size=(30, 3))
    labels = np.repeat(np.arange(3), 10)
    return np.eye(3)[labels] + spread * noise, labels


def test_held_out_scores_are_those_of_a_model_that_never_saw_them() -> None:
    points, labels = clouds()
    kernel, targets = points @ points.T, np.eye(3)[labels]
    rows = np.array([0, 7, 19])
    rest = np.setdiff1d(np.arange(30), rows)
    refitted = kernel[np.ix_(rows, rest)] @ np.linalg.solve(
        kernel[np.ix_(rest, rest)] + np.eye(27), targets[rest]
    )
    np.testing.assert_allclose(held_out(kernel + np.eye(30), targets, rows), refitted, atol=1e-9)


def test_it_learns_what_can_be_told_apart() -> None:
    points, labels = clouds()
    head = KernelHead.fit(points @ points.T, labels)
    others, truth = clouds(seed=1)
    probabilities = head.probabilities(head.scores((others @ points.T).astype(np.float32)))
    assert (probabilities.argmax(axis=1) == truth).mean() >= 0.85
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, atol=1e-5)


def test_noise_makes_it_modest() -> None:
    points, labels = clouds()
    noise = np.random.default_rng(2).normal(size=(30, 3))
    sure, unsure = (
        KernelHead.fit(points @ points.T, labels),
        KernelHead.fit(noise @ noise.T, labels),
    )
    assert unsure.temperature < sure.temperature
    assert unsure.probabilities(unsure.scores((noise @ noise.T).astype(np.float32))).max() < 0.9


def test_a_class_with_few_examples_is_not_drowned() -> None:
    points, labels = clouds(spread=0.2)
    kept = np.r_[:10, 10:20, 20:22]
    head = KernelHead.fit(points[kept] @ points[kept].T, labels[kept])
    scores = head.scores((points[22:] @ points[kept].T).astype(np.float32))
    assert (scores.argmax(axis=1) == 2).all()


def test_softmax_of_large_numbers() -> None:
    np.testing.assert_allclose(softmax(np.array([1e4, 0.0])), [1.0, 0.0])
