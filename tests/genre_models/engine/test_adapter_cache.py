from __future__ import annotations

import time
from collections.abc import Callable
from threading import Event

import pytest
import torch

from genre_models.engine.adapter_cache import AdapterCache
from genre_models.engine.mixture import Weights
from schemas.errors import ModelError

ONE = 8 * 10 * 4 * 2  # bytes of one adapter below


def weights(name: str) -> Weights:
    if name == "missing":
        raise ModelError("adapter_missing", "not there")
    return Weights(8, {"site": (torch.zeros(8, 10), torch.zeros(8, 10))}, name)


def read(cache: AdapterCache, *names: str) -> None:
    for name in names:
        cache.prefetch(name).result()
        cache.prefetch(name)  # now its size is known


def held(cache: AdapterCache, names: str) -> str:
    return "".join(name for name in names if name in cache)


def test_the_least_recently_used_goes_first() -> None:
    cache = AdapterCache(weights, 2 * ONE)
    read(cache, "a", "b", "a", "c")
    assert held(cache, "abc") == "ac" and cache.bytes == 2 * ONE


def test_what_rows_hold_never_goes_and_goes_after_release() -> None:
    cache = AdapterCache(weights, ONE)
    cache.hold("a").result()
    cache.hold("a")
    read(cache, "b", "c")
    cache.release("a")
    read(cache, "d")
    assert "a" in cache
    cache.release("a")
    read(cache, "e")
    assert held(cache, "abcde") == "e"


def test_one_read_for_many_holds() -> None:
    reads: list[str] = []
    go = Event()

    def slowly(name: str) -> Weights:
        go.wait(5)
        reads.append(name)
        return weights(name)

    cache = AdapterCache(slowly, ONE)
    loading = [cache.hold("a") for _ in range(5)]
    assert not loading[0].done()
    go.set()
    assert len({id(each.result()) for each in loading}) == 1 and reads == ["a"]


def test_a_failure_is_told_and_tried_again() -> None:
    sources: dict[str, Callable[[str], Weights]] = {"now": lambda _: weights("missing")}
    cache = AdapterCache(lambda name: sources["now"](name), ONE)
    with pytest.raises(ModelError, match="not there"):
        cache.hold("a").result()
    cache.release("a")
    sources["now"] = weights
    assert cache.hold("a").result().rank == 8


def test_reading_does_not_hold_up_the_caller() -> None:
    go = Event()

    def slowly(name: str) -> Weights:
        go.wait(5)
        return weights(name)

    begun = time.monotonic()
    cache = AdapterCache(slowly, ONE)
    loading = cache.prefetch("a")
    assert time.monotonic() - begun < 4 and not loading.done()
    go.set()
    loading.result()
