"""Sampling against its own definition."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from genre_models.engine.native import Kernel
from genre_models.engine.native.reader import NativeReader
from genre_models.engine.sampling import Reader, Sampling, TorchReader, choose, uniform


@pytest.fixture(params=["torch", "native"])
def reader(request: pytest.FixtureRequest) -> Reader:
    if request.param == "torch":
        return TorchReader()
    kernel: Kernel = request.getfixturevalue("kernel")
    return NativeReader(kernel)


def drawn(
    reader: Reader, logits: torch.Tensor, temperature: float, top_p: float, number: int
) -> Counter[int]:
    rows = [
        Sampling(temperature=temperature, top_p=top_p, seed=seed, position=3)
        for seed in range(number)
    ]
    choices = choose(logits.repeat(number, 1), rows, reader)
    return Counter(choice.token for choice in choices if choice)


def test_frequencies_follow_the_tempered_softmax(reader: Reader) -> None:
    logits = torch.tensor([2.0, 1.0, 0.0, -1.0])
    counts = drawn(reader, logits, 0.7, 1.0, 4000)
    expected = (logits / 0.7).softmax(-1)
    assert [counts[token] / 4000 for token in range(4)] == pytest.approx(
        expected.tolist(), abs=0.03
    )


def test_top_p_keeps_the_fewest_tokens_that_reach_it(reader: Reader) -> None:
    logits = torch.tensor([0.5, 0.3, 0.15, 0.05]).log()
    assert set(drawn(reader, logits, 1.0, 0.5, 300)) == {0}
    assert set(drawn(reader, logits, 1.0, 0.6, 300)) == {0, 1}
    assert set(drawn(reader, logits, 1.0, 0.9, 300)) == {0, 1, 2}


def test_min_p_leaves_out_what_is_too_improbable_beside_the_likeliest(reader: Reader) -> None:
    logits = torch.tensor([0.5, 0.3, 0.15, 0.05]).log()

    def found(min_p: float, top_p: float = 1.0) -> set[int]:
        rows = [
            Sampling(temperature=1.0, top_p=top_p, min_p=min_p, seed=seed, position=3)
            for seed in range(300)
        ]
        return {each.token for each in choose(logits.repeat(300, 1), rows, reader) if each}

    assert found(min_p=0.05) == {0, 1, 2, 3}
    assert found(min_p=0.2) == {0, 1, 2}
    assert found(min_p=0.5) == {0, 1}
    assert found(min_p=1.0) == {0}
    assert found(min_p=0.5, top_p=0.4) == {0}


def test_favoured_tokens_gain_and_are_not_penalised(reader: Reader) -> None:
    logits = torch.tensor([[3.0, 1.5, -9.0]])
    before = logits.clone()
    favoured = Sampling(
        temperature=0,
        top_p=1.0,
        seed=0,
        position=2,
        repetition_penalty=2.0,
        written=frozenset([1]),
        favoured=frozenset([1, 2]),
    )
    (choice,) = choose(logits, [favoured], reader)
    assert choice and choice.token == 1
    assert choice.logprob == pytest.approx(float(before.log_softmax(-1)[0, 1]))
    assert torch.equal(logits, before)


def test_only_the_64_likeliest_are_sampled(reader: Reader) -> None:
    assert set(drawn(reader, torch.arange(200) * 1e-4, 1.0, 1.0, 3000)) == set(range(136, 200))


def test_written_tokens_lose_a_share_of_their_logit_but_keep_their_logprob(reader: Reader) -> None:
    logits = torch.tensor([[2.0, 1.9, -1.0, -1.1]])
    greedy = Sampling(
        temperature=0,
        top_p=1.0,
        seed=0,
        position=2,
        repetition_penalty=1.2,
        written=frozenset([0, 2]),
    )
    (choice,) = choose(logits, [greedy], reader)
    assert choice and choice.token == 1
    negative = torch.tensor([[-5.0, -6.0, -1.0, -1.1]])
    (choice,) = choose(negative, [greedy], reader)
    assert choice and choice.token == 3
    assert choice.logprob == pytest.approx(float(negative.log_softmax(-1)[0, 3]))


def test_not_finite_rows_have_no_choice(reader: Reader) -> None:
    logits = torch.tensor([[0.0, 1.0], [torch.nan, 1.0], [torch.inf, 1.0], [1.0, 0.0]])
    greedy = Sampling(temperature=0, top_p=1.0, seed=0, position=0)
    assert [
        choice.token if choice else None for choice in choose(logits, [greedy] * 4, reader)
    ] == [1, None, None, 0]


@given(st.integers(-(2**63), 2**64), st.integers(0, 600))
def test_random_numbers_are_a_function_of_seed_and_position(seed: int, position: int) -> None:
    assert 0 <= uniform(seed, position) < 1
    assert uniform(seed, position) == uniform(seed, position) != uniform(seed, position + 1)


def test_random_numbers_are_uniform() -> None:
    numbers = np.array([uniform(seed, position) for seed in range(50) for position in range(50)])
    assert numbers.mean() == pytest.approx(0.5, abs=0.02) and numbers.var() == pytest.approx(
        1 / 12, abs=0.01
    )


def test_the_kernel_reads_what_torch_reads(kernel: Kernel) -> None:
    logits = torch.randn(3, 1000, generator=torch.Generator().manual_seed(3))[:, :997] * 5
    native, plain = NativeReader(kernel), TorchReader()
    assert all(type(total) is float for total in native.totals(logits))
    assert native.totals(logits) == pytest.approx(plain.totals(logits), abs=1e-5)
    (values, tokens), (same, expected) = native.likeliest(logits, 64), plain.likeliest(logits, 64)
    assert np.array_equal(values, same) and np.array_equal(tokens, expected)
