"""The journal decodes what is asked for alone, takes each record once, and tells how far it is."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from schemas.requests import GenerationRequest
from streams.clients.client import Client
from streams.clients.embedded_broker import EmbeddedBroker
from streams.gateway import journal as module
from streams.gateway.journal import Asked, Journal, ends_of
from streams.settings import Settings
from streams.wire import codecs
from tests.streams.gateway.conftest import answer, record_of, whole

WISH = GenerationRequest(user_id="ada", prompt="x", request_id="r1")
ASKED = Asked("r1", "ada", None)


async def test_only_its_own_records_are_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    journal, decoded = Journal(Settings(partitions=1)), []

    def decode(value: bytes, kind: Any) -> Any:
        decoded.append(kind)
        return ordinary(value, kind)

    ordinary = codecs.decode
    monkeypatch.setattr(module, "decode", decode)
    with journal.watching(ASKED) as watch:
        for number in range(50):
            journal.notice(*record_of(answer(replace(WISH, request_id=f"x{number}")), number))
        journal.notice(*record_of(answer(WISH), 50))
        seen = await watch.next()
    assert (seen.topic, len(decoded)) == ("recommendations", 1)
    assert not journal.is_watched(ASKED)


async def test_a_record_is_taken_once_and_a_cursor_says_how_far_it_is() -> None:
    journal = Journal(Settings(partitions=1))
    records = [record_of(made, 7) for made in whole(WISH)]
    with journal.watching(ASKED) as watch:
        for record in (records[0], *records):
            journal.notice(*record)
        first, second = await watch.next(), await watch.next()
    assert (first.topic, first.cursor) == ("classified", "8-0-0-0-0")
    assert (second.topic, second.cursor) == ("generations", "8-8-0-0-0")


async def test_what_cannot_be_read_is_passed_over() -> None:
    journal = Journal(Settings(partitions=1))
    topic, record = record_of(answer(WISH), 0)
    with journal.watching(ASKED) as watch:
        journal.notice(topic, replace(record, value=b"{"))
        journal.notice(*record_of(answer(replace(WISH, user_id="eve")), 1))
        journal.notice(*record_of(answer(WISH), 2))
        assert (await watch.next()).event.user_id == "ada"


@pytest.mark.parametrize(
    "cursor", ["", "1-2-3-4", "1-2-3-4-x", "-1-2-3-4-5", "1-2-3-4-\u0665", "9" * 99]
)
def test_what_is_no_cursor_is_none(cursor: str) -> None:
    assert ends_of(cursor) is None


async def test_another_replica_reads_on_behind_a_cursor(broker: EmbeddedBroker) -> None:
    first, second = Journal(broker.settings), Journal(broker.settings)
    async with Client(broker.settings) as client, asyncio.timeout(20):
        await asyncio.gather(first.start(), second.start())
        try:
            with first.watching(ASKED) as watch:
                for event in whole(WISH):
                    await client.publish(event)
                seen = {(await watch.next()).topic: None for _ in range(6)}
                cursor = ends_of("-".join(map(str, watch.ends)))
                assert cursor is not None and list(seen) != []
            behind = [
                end - 1 if topic == "recommendations" else end
                for topic, end in zip(module.SHOWN, cursor, strict=True)
            ]
            with second.watching(ASKED, behind) as later:
                missed = [each.topic async for each in second.missed(later)]
                missed += [] if missed else [(await later.next()).topic]
        finally:
            await asyncio.gather(first.stop(), second.stop())
    assert missed == ["recommendations"]
