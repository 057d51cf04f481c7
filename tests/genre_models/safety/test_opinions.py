"""Opinions that are heard one after the other, once they are there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread

import numpy as np
import pytest

from genre_models.safety.fitting import fitted
from genre_models.safety.learned import Floats, Learned, Opinion
from genre_models.safety.opinions import LOOK_EVERY, UNTUNED, KeptOpinion, Opinions
from schemas.errors import ModelError
from tests.genre_models.safety.toy import AUTHORS, EXAMPLES, Toy

FAILS = {b"fails": "multilingual_unavailable", b"removed": UNTUNED}
TEXTS = [each.text for each in EXAMPLES]


class Said:
    """An opinion of a file: it adds the number there, and fails at a word."""

    def __init__(self, file: Path) -> None:
        self.kept = KeptOpinion(file, self._read)
        self.reads = 0
        self.goes_on = Event()
        self.goes_on.set()

    def _read(self, data: bytes, learned: Learned) -> tuple[Learned, Opinion]:
        self.reads += 1
        assert self.goes_on.wait(20)
        if data == b"damaged":
            raise ModelError("safety_unreadable", "expected an opinion, got none")

        def odds(texts: Sequence[str]) -> Floats:
            if data in FAILS:
                raise ModelError(FAILS[data], "expected an encoder, got none")
            return np.full(len(texts), float(data), np.float32)

        return replace(learned, threshold=learned.threshold / 2), Opinion(odds=odds, least=-100.0)


@pytest.fixture(name="clock")
def _clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    return now


@pytest.fixture(name="both")
def _both(tmp_path: Path) -> tuple[Said, Said]:
    return Said(tmp_path / "second"), Said(tmp_path / "third")


def opinions(both: tuple[Said, Said]) -> Opinions:
    toy = fitted(EXAMPLES, TEXTS, Toy().rows, aside=AUTHORS)
    return Opinions(replace(toy, text_threshold=0.9), Toy().rows, [each.kept for each in both])


def test_each_is_heard_once_those_before_it_are(
    clock: list[float], both: tuple[Said, Said]
) -> None:
    told = opinions(both)
    alone = told.requests(TEXTS)
    both[1].kept.file.write_bytes(b"-0.5")
    clock[0] += LOOK_EVERY + 1
    assert told.requests(TEXTS) == alone and told.are_missing
    both[0].kept.file.write_bytes(b"0.5")
    assert told.requests(TEXTS) == alone  # it is seldom looked for
    clock[0] += LOOK_EVERY + 1
    heard = told.requests(TEXTS)
    assert [each.probability for each in heard] == [each.probability for each in alone]
    assert sum(each.is_harmful for each in heard) > sum(each.is_harmful for each in alone)
    clock[0] += LOOK_EVERY + 1
    told.requests(TEXTS)
    assert [each.reads for each in both] == [1, 1]


def test_texts_are_told_with_the_second_opinion_alone(both: tuple[Said, Said]) -> None:
    told = opinions(both)
    alone = told.texts(TEXTS)
    both[0].kept.file.write_bytes(b"0.5")
    second = opinions(both).texts(TEXTS)
    both[1].kept.file.write_bytes(b"0.5")
    assert alone != second == opinions(both).texts(TEXTS)


def test_what_cannot_be_read_is_told_removed_and_heard_once_it_is_there_again(
    clock: list[float], both: tuple[Said, Said], caplog: pytest.LogCaptureFixture
) -> None:
    for each in both:
        each.kept.file.write_bytes(b"damaged")
    told = opinions(both)
    told.look()
    assert "second is removed: expected an opinion" in caplog.text
    assert not both[0].kept.file.exists() and both[1].kept.file.exists()
    both[0].kept.file.write_bytes(b"0.5")
    clock[0] += LOOK_EVERY + 1
    told.look()
    assert both[0].reads == 2 and "third is removed" in caplog.text


def test_a_folder_in_its_place_is_told(
    both: tuple[Said, Said], caplog: pytest.LogCaptureFixture
) -> None:
    both[0].kept.file.mkdir()
    told = opinions(both)
    told.look()
    assert both[0].reads == 0 and "second cannot be read" in caplog.text


def test_one_that_cannot_be_had_is_not_heard_again(
    clock: list[float], both: tuple[Said, Said], caplog: pytest.LogCaptureFixture
) -> None:
    both[0].kept.file.write_bytes(b"0.5")
    two = opinions(both).requests(TEXTS)
    both[1].kept.file.write_bytes(b"fails")
    told = opinions(both)
    for _ in range(3):
        assert told.requests(TEXTS) == two
        clock[0] += LOOK_EVERY + 1
    lines = [each.getMessage() for each in caplog.records if "any more" in each.getMessage()]
    assert lines == ["third is not heard any more: expected an encoder, got none"]


def test_one_that_is_missing_is_heard_once_it_is_made(
    clock: list[float], both: tuple[Said, Said]
) -> None:
    both[0].kept.file.write_bytes(b"0.5")
    both[1].kept.file.write_bytes(b"removed")
    told = opinions(both)
    two = told.requests(TEXTS)
    clock[0] += LOOK_EVERY + 1
    assert told.requests(TEXTS) == two
    both[1].kept.file.write_bytes(b"0.5")
    clock[0] += LOOK_EVERY + 1
    assert told.requests(TEXTS) != two and not told.are_missing


def test_an_error_of_the_regression_is_raised(both: tuple[Said, Said]) -> None:
    def broken(_: object) -> Floats:
        raise ModelError("multilingual_unavailable", "expected an encoder, got none")

    toy = fitted(EXAMPLES, TEXTS, Toy().rows, aside=AUTHORS)
    told = Opinions(toy, broken, [both[0].kept])
    with pytest.raises(ModelError, match="expected an encoder, got none"):
        told.requests(TEXTS)


def test_the_second_opinion_alone_is_waited_for(both: tuple[Said, Said]) -> None:
    told = opinions(both)
    told.look()
    with pytest.raises(
        ModelError, match="expected a second opinion, got none: `genre safety tune`"
    ):
        told.second(TEXTS)
    both[0].kept.file.write_bytes(b"0.5")
    both[0].goes_on.clear()
    found: list[Floats] = []
    threads = [Thread(target=lambda: found.append(told.second(["a", "b"]))) for _ in range(3)]
    for thread in threads:
        thread.start()
    both[0].goes_on.set()
    for thread in threads:
        thread.join()
    assert both[0].reads == 1 and [each.tolist() for each in found] == [[0.5, 0.5]] * 3


def test_who_looks_keeps_nobody_waiting(both: tuple[Said, Said]) -> None:
    """Others are told by the regression meanwhile, and each opinion is read once."""
    told = opinions(both)
    alone = told.requests(TEXTS)
    told = opinions(both)
    for each in both:
        each.kept.file.write_bytes(b"0.5")
        each.goes_on.clear()
    first = Thread(target=told.look)
    first.start()
    while not both[0].reads:
        first.join(0.01)
    assert told.requests(TEXTS) == alone
    for each in both:
        each.goes_on.set()
    first.join()
    told.look()
    assert told.requests(TEXTS) != alone and [each.reads for each in both] == [1, 1]
