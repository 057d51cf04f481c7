"""Delays of a request's steps from the times of its records, and tokens; only while watched."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from schemas.candidates import Candidate, CandidateSet
from schemas.classified import ClassifiedRequest
from schemas.parts import Usage
from schemas.requests import GenerationRequest
from streams.gateway.meter import PATH, WHOLE, Meter
from streams.wire.source import Source
from tests.streams.gateway.conftest import answer, record_of

START = 1_772_582_400.0


class Clock:
    """A clock that stands until it is set."""

    now = START

    def __call__(self) -> float:
        """The time."""
        return self.now


def records(request: str, *delays: float) -> list[tuple[str, Source]]:
    """Of a request that was received at START: classified so many seconds later, and so on."""
    its: dict[str, Any] = {"request_id": request, "user_id": "ada"}
    moment = datetime.fromtimestamp(START, UTC)
    asked = GenerationRequest(prompt="x", **its)
    classified = ClassifiedRequest(**its, request=asked, received=moment, deadline=moment)
    candidates = CandidateSet(
        **its,
        candidates=(Candidate(index=0, text="It.", finish="stop"),),
        usage=Usage(tokens_out=30),
    )
    made = [record_of(event) for event in (classified, candidates, answer(asked))]
    made.insert(1, ("generations", made[0][1]))
    at, dated = START, []
    for (topic, record), delay in zip(made, delays, strict=False):
        at += delay
        dated.append((topic, replace(record, timestamp=at)))
    return dated


def test_each_step_is_timed_by_the_records_it_reads_and_makes() -> None:
    clock = Clock()
    meter = Meter(clock)
    meter.watch()
    for request, generation in (("r1", 1.0), ("r2", 3.0), ("r3", 2.0)):
        for topic, record in records(request, 0.25, 0.5, generation, 0.125):
            meter.notice(topic, record)
    delays = meter.delays()
    assert {step: delay.median for step, delay in delays.items()} == {
        "requests": 0.25,
        "classified": 0.5,
        "generations": 2.0,
        "candidates": 0.125,
        WHOLE: 2.875,
    }
    assert delays["generations"].slow == 2.0  # of three, the slowest 5 % are none
    assert meter.tokens_per_second() is None
    clock.now += 5
    assert meter.tokens_per_second() == pytest.approx(3 * 30 / 5)
    clock.now += 20
    assert meter.tokens_per_second() == 0.0
    clock.now += 40
    assert meter.delays() == {}


def test_nothing_is_looked_into_while_nobody_watches() -> None:
    clock = Clock()
    meter = Meter(clock)
    for topic, record in records("r1", 1.0, 1.0, 1.0, 1.0):
        meter.notice(topic, record)
    meter.watch()
    assert meter.delays() == {} and not meter._seen
    clock.now += 61
    for topic, record in records("r1", 1.0, 1.0, 1.0, 1.0):
        meter.notice(topic, record)
    assert not meter._seen


@pytest.mark.parametrize(
    "value",
    [None, b"", b"{", b"[]", b'{"received": "no time"}', b'{"usage": 4}', b'{"usage": null}'],
)
def test_what_cannot_be_read_is_not_measured(value: bytes | None) -> None:
    meter = Meter(Clock())
    meter.watch()
    _, record = record_of(answer(GenerationRequest(request_id="r1", user_id="ada", prompt="x")))
    for topic in PATH:
        meter.notice(topic, replace(record, value=value))
        meter.notice(topic, replace(record, value=value, headers=()))
    assert meter.delays().keys() == {"requests", "classified", "generations", "candidates", WHOLE}


def test_clocks_that_differ_make_no_time_negative(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.gateway.meter._MOST", 3)
    meter = Meter(Clock())
    meter.watch()
    for number in range(9):
        for topic, record in records(f"r{number}", -1.0, -1.0, 0.0, 0.0):
            meter.notice(topic, record)
    assert min(delay.median for delay in meter.delays().values()) == 0.0
    assert len(meter._seen) <= 3
