"""The spread of users is found again, partitions add up, and a young population changes nothing."""

from __future__ import annotations

import struct
import zlib
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genre_models.preferences.empirical_bayes import (
    FEWEST_USERS,
    Differences,
    differences,
    packed,
    prior_of,
    unpacked,
)
from genre_models.preferences.features import BLOCKS, DIMENSION, DIMENSIONS
from genre_models.preferences.moments import gram, moments, quantised, size
from genre_models.preferences.population import Population
from genre_models.preferences.posterior import Prior, base_prior
from genre_models.preferences.row import HALF_LIFE, UserRow
from schemas.errors import ModelError
from tests.genre_models.preferences.reactions import NOW

EPOCH_END = (NOW // HALF_LIFE + 1) * HALF_LIFE


def user(taste: np.ndarray, reactions: int, noise: float, seed: int) -> UserRow:
    """A row that holds `reactions` reactions of somebody with that taste."""
    dice = np.random.default_rng(seed)
    phi = dice.uniform(-1, 1, (reactions, DIMENSION))
    phi[:, 0] = 1
    targets = phi @ taste + np.sqrt(noise) * dice.standard_normal(reactions)
    sums = quantised(moments(phi, targets, np.ones(reactions))).astype(np.int32)
    assert len(sums) == size(DIMENSION)
    return UserRow(sums=sums, epoch=EPOCH_END // HALF_LIFE - 1, last=EPOCH_END, reactions=reactions)


def crowd(count: int, genre_spread: float, noise: float = 0.1) -> list[UserRow]:
    spread = np.sqrt(np.full(DIMENSION, 0.002))
    spread[BLOCKS["genre"]] = np.sqrt(genre_spread)
    tastes = base_prior().mean + spread * np.random.default_rng(7).standard_normal(
        (count, DIMENSION)
    )
    return [user(taste, 200, noise, seed) for seed, taste in enumerate(tastes)]


def learned_from(rows: list[UserRow], rounds: int = 12) -> Prior:
    prior = base_prior()
    population = Population()
    for row in rows:
        population = population.exchanged(None, row)
    for _ in range(rounds):
        prior = prior_of(population, differences(rows, prior))
    return prior


@pytest.mark.parametrize("genre_spread", [0.02, 0.15])
def test_how_users_differ_is_found_again(genre_spread: float) -> None:
    prior = learned_from(crowd(120, genre_spread))
    found = float(np.diag(prior.spread)[BLOCKS["genre"]].mean())
    assert found == pytest.approx(genre_spread, rel=0.3)
    assert prior.noise == pytest.approx(0.1, rel=0.15)
    assert np.linalg.eigvalsh(prior.spread).min() > 0


def test_few_users_change_nothing_but_the_mean() -> None:
    prior = learned_from(crowd(FEWEST_USERS - 1, 0.15))
    assert np.array_equal(prior.spread, base_prior().spread) and prior.noise == base_prior().noise


@given(st.integers(0, 6))
def test_partitions_add_up(cut: int) -> None:
    rows = crowd(6, 0.05)
    whole = differences(rows, base_prior())
    parts = differences(rows[:cut], base_prior()) + differences(rows[cut:], base_prior())
    assert whole.users == parts.users and np.allclose(whole.scatter, parts.scatter)
    assert whole.residual == pytest.approx(parts.residual) and whole.reactions == pytest.approx(
        parts.reactions
    )


def test_those_who_never_reacted_say_nothing() -> None:
    assert differences([UserRow(), UserRow(opted_out=True)], base_prior()).users == 0


def test_a_record_survives_packing() -> None:
    rows = crowd(3, 0.05)
    population = Population().exchanged(None, rows[0])
    again, differed = unpacked(packed(population, differences(rows, base_prior())))
    assert again.pack() == population.pack() and np.allclose(
        differed.scatter, differences(rows, base_prior()).scatter
    )


@given(st.integers(0, 18_000), st.integers(1, 255))
def test_a_damaged_record_is_refused(place: int, change: int) -> None:
    data = bytearray(packed(Population(), replace(Differences(), users=3)))
    data[place] ^= change
    with pytest.raises(ModelError) as refused:
        unpacked(bytes(data))
    assert refused.value.code == "population_corrupt"


def test_sums_of_the_first_recipe_are_read_with_nothing_of_what_was_added() -> None:
    d = DIMENSIONS[1]
    half = d * (d + 1) // 2
    sums = np.arange(size(d), dtype="<i8")
    differed = np.arange(2 * half + d, dtype="<f8")
    bodies = (
        struct.pack("<BHHQ", 1, 1, d, 7) + sums.tobytes(),
        struct.pack("<BHHQdd", 2, 1, d, 5, 0.5, 9.0) + differed.tobytes(),
    )
    data = b"".join(body + zlib.crc32(body).to_bytes(4, "little") for body in bodies)
    population, read = unpacked(data)
    read_gram = gram(population.sums.astype(np.float64))
    assert np.array_equal(read_gram[:d, :d], gram(sums.astype(np.float64)))
    assert not read_gram[d:].any() and population.users == 7
    assert population.sums[-2:].tolist() == sums[-2:].tolist()
    for square, first in ((read.precision, 0), (read.scatter, half)):
        assert square[np.triu_indices(d)].tolist()[:3] == differed[first : first + 3].tolist()
        assert np.array_equal(square, square.T) and not square[d:].any()
    assert np.array_equal(read.pull, [*differed[2 * half :], 0.0])
    assert (read.users, read.residual, read.reactions) == (5, 0.5, 9.0)
