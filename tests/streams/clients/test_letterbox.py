"""The index of dead letters: read once and gone on with; pages from memory."""

from __future__ import annotations

import pytest

from streams.clients import letterbox
from streams.clients.embedded_broker import EmbeddedBroker
from streams.clients.letterbox import Box, Letterbox
from streams.clients.letters import Choice, replay
from streams.wire.source import Source
from streams.wire.topics import BY_NAME
from tests.agents.commands.test_dlq import letter
from tests.streams.clients.test_letters import bury, everything

TOPIC = BY_NAME["requests"]


async def test_what_is_new_is_read_and_nothing_twice(
    broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, taken = broker.settings, 0
    real = Box.take

    def take(self: Box, record: Source) -> None:
        nonlocal taken
        taken += 1
        real(self, record)

    monkeypatch.setattr(Box, "take", take)
    box = Letterbox(settings)
    await bury(settings, b"one", b"two")
    await box.read()
    assert await box.counts() == [
        {"topic": "requests", "code": "not_json", "letters": 2, "replayed": 0}
    ]
    (newest, oldest) = box.box(TOPIC).meant(Choice())
    assert await replay(settings, TOPIC, lambda each: each.offset == 0) == 1
    await bury(settings, b"three")
    await box.read(afresh=True)
    assert taken == 4 and box.unread == 0
    assert await box.counts() == [
        {"topic": "requests", "code": "not_json", "letters": 3, "replayed": 1}
    ]
    assert box.box(TOPIC).replayed == {oldest.place}
    found = await box.one(TOPIC, newest.place)
    assert found is not None and found.value == b"two"
    for nowhere in ("0@99", "9@0", f"{oldest.place.partition('@')[0]}@2"):
        assert await box.one(TOPIC, nowhere) is None  # the last one is a mark
    await replay(settings, TOPIC, everything)
    await box.read(afresh=True)
    assert len(box.box(TOPIC).replayed) == 3


async def test_a_question_reads_for_some_seconds_and_the_next_goes_on(
    broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = Letterbox(broker.settings)
    await bury(broker.settings, b"one", b"two")
    monkeypatch.setattr(letterbox, "_READING", 0.0)
    await box.read()
    assert box.unread == 2 and await box.counts() == []
    monkeypatch.undo()
    await box.read()
    assert box.unread == 0 and len(box.box(TOPIC).letters) == 2


def test_what_the_topic_keeps_no_longer_is_forgotten() -> None:
    box = Box()
    for number in range(4):
        box.take(letter(number))
    box.replayed.update(("0@1", "0@3"))
    box.forget(0, 2)
    box.forget(1, 99)
    assert list(box.letters) == ["0@2", "0@3"] and box.replayed == {"0@3"}


def test_a_letter_that_is_read_twice_is_forgotten_once() -> None:
    box = Box()
    for number in (0, 1, 0, 1):
        box.take(letter(number))
    box.forget(0, 2)
    assert box.letters == {}


def test_of_ten_thousand_a_page_costs_no_decode(monkeypatch: pytest.MonkeyPatch) -> None:
    box = Box()
    for number in range(10_000):
        box.take(letter(number, "not_json" if number % 2 else "too_long"))

    def fail(_: Source) -> None:
        raise AssertionError("a letter was looked at again")

    monkeypatch.setattr(letterbox, "_letter", fail)
    meant = list(box.meant(Choice(code="too_long")))
    assert len(meant) == 5000 and meant[0].place == "0@9998"
