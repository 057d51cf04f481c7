"""Memory that is given back to the system."""

from __future__ import annotations

import ctypes
from pathlib import Path

import pytest

from genre_models.memory import give_back


def resident() -> int:
    """Bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="only glibc is told")
def test_what_was_read_is_given_back() -> None:
    held = [bytes(60_000) for _ in range(1000)]
    last = bytes(50_000)  # above the rest: what lies below it is not given back by itself
    full = resident()
    held.clear()
    give_back()
    assert resident() < full - 30_000_000 and last


def test_an_allocator_that_cannot_be_told_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    give_back()
