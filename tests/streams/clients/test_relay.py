"""A fetch that only repeats the one before is held until there is something to fetch; an end is
behind all that was acknowledged; everything else goes through as it is."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Iterator
from io import BytesIO
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.protocol.fetch import FetchRequest_v4, FetchRequest_v11
from aiokafka.protocol.offset import OffsetRequest_v3, OffsetResponse_v3
from aiokafka.protocol.produce import ProduceRequest_v8, ProduceResponse_v7

from streams.clients import relay as module
from streams.clients.embedded_broker import EmbeddedBroker
from streams.clients.ends import Ends
from streams.clients.kafka import consumer
from streams.clients.reader import Reader
from streams.clients.relay import relay


class Broker:
    """Notes what it is asked, and answers all but what nobody waits for."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []
        self.answers: dict[int, bytes] = {}
        """What it answers to a kind of requests; to others, what they say."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                (length,) = struct.unpack(">i", await reader.readexactly(4))
                frame = await reader.readexactly(length)
                self.asked.append(frame)
                (kind,) = struct.unpack_from(">h", frame)
                answer = frame[4:8] + self.answers.get(kind, b"answer to " + frame[8:])
                writer.write(struct.pack(">i", len(answer)) + answer)
        except (EOFError, OSError):
            writer.close()


class Client:
    """Sends requests and reads answers."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer, self._number = reader, writer, 0

    def ask(self, kind: int, version: int, body: bytes) -> None:
        self._number += 1
        frame = struct.pack(">hhih", kind, version, self._number, 2) + b"me" + body
        self._writer.write(struct.pack(">i", len(frame)) + frame)

    async def answer(self) -> bytes:
        (length,) = struct.unpack(">i", await self._reader.readexactly(4))
        return (await self._reader.readexactly(length))[4:]


def fetch(*places: tuple[str, int, int], session: int = 0) -> bytes:
    """The body of a fetch, of version 11: topics, partitions, offsets."""
    topics = [(topic, [(number, -1, offset, -1, 9)]) for topic, number, offset in places]
    return bytes(FetchRequest_v11(-1, 5, 1, 9, 1, session, -1, topics, [], "").encode())


def write(*topics: str, acks: int = -1) -> bytes:
    """The body of a request to write, of version 8."""
    return bytes(
        ProduceRequest_v8(None, acks, 9, [(topic, [(0, b"records")]) for topic in topics]).encode()
    )


@pytest.fixture(name="broker_")
async def _broker() -> AsyncIterator[tuple[Broker, int]]:
    broker = Broker()
    server = await asyncio.start_server(broker.serve, "127.0.0.1", 0)
    yield broker, server.sockets[0].getsockname()[1]
    server.close()


@pytest.fixture(name="port")
def _port(broker_: tuple[Broker, int], monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Where a relay listens that holds a fetch for ever."""
    monkeypatch.setattr(module, "_FIRST", 1e6)
    monkeypatch.setattr(module, "_LONGEST", 1e6)
    with relay(broker_[1]) as port:
        yield port


@pytest.fixture(name="clients")
async def _clients(port: int) -> AsyncIterator[list[Client]]:
    opened = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
    yield [Client(*each) for each in opened]
    for _, writer in opened:
        writer.close()


async def held(client: Client) -> bool:
    """Whether no answer comes."""
    try:
        await asyncio.wait_for(client.answer(), 0.1)
    except TimeoutError:
        return True
    return False


async def test_everything_passes_as_it_is(clients: list[Client]) -> None:
    reader, writer = clients
    reader.ask(18, 3, b"versions")
    assert await reader.answer() == b"answer to " + b"\x00\x02me" + b"versions"
    for body in (fetch(("a", 0, 1)), fetch(("a", 0, 2)), fetch(("a", 0, 2), ("b", 0, 2))):
        reader.ask(1, 11, body)
        assert (await reader.answer()).endswith(body)
    writer.ask(0, 8, write("a"))
    assert (await writer.answer()).endswith(write("a"))


async def test_a_repeated_fetch_waits_for_a_record_of_its_topics(clients: list[Client]) -> None:
    reader, writer = clients
    reader.ask(1, 11, fetch(("a", 0, 1), ("b", 0, 2)))
    await reader.answer()
    reader.ask(1, 11, fetch(("b", 0, 2), ("a", 0, 1)))
    writer.ask(0, 8, write("other"))
    await writer.answer()
    assert await held(reader)


@pytest.mark.parametrize(
    ("version", "body"),
    [(8, write("other", "b")), (8, write("b", acks=0)), (9, b"of a form that is not known")],
    ids=["answered", "unanswered", "unknown"],
)
async def test_a_record_wakes_it(clients: list[Client], version: int, body: bytes) -> None:
    reader, writer = clients
    for _ in range(2):
        reader.ask(1, 11, fetch(("a", 0, 1), ("b", 0, 2)))
    await reader.answer()
    writer.ask(0, version, body)
    await asyncio.wait_for(reader.answer(), 10)


async def test_a_record_of_the_meantime_is_not_missed(clients: list[Client]) -> None:
    reader, writer = clients
    reader.ask(1, 11, fetch(("a", 0, 1)))
    await reader.answer()
    writer.ask(0, 8, write("a"))
    await writer.answer()
    reader.ask(1, 11, fetch(("a", 0, 1)))
    await asyncio.wait_for(reader.answer(), 10)


async def test_a_client_that_has_more_to_say_is_heard(clients: list[Client]) -> None:
    reader, _ = clients
    for _ in range(2):
        reader.ask(1, 11, fetch(("a", 0, 1)))
    reader.ask(2, 1, b"offsets")
    answers = [await asyncio.wait_for(reader.answer(), 10) for _ in range(3)]
    assert answers[2].endswith(b"offsets")


@pytest.mark.parametrize(
    ("version", "body"), [(12, b"compact"), (11, fetch(session=7))], ids=["compact", "session"]
)
async def test_a_fetch_that_does_not_name_its_topics_is_woken_by_all(
    clients: list[Client], version: int, body: bytes
) -> None:
    reader, writer = clients
    for _ in range(2):
        reader.ask(1, version, body)
    await reader.answer()
    writer.ask(0, 8, write("any"))
    await asyncio.wait_for(reader.answer(), 10)


async def test_nobody_is_told_an_end_before_what_was_acknowledged(
    clients: list[Client], broker_: tuple[Broker, int]
) -> None:
    reader, writer = clients
    broker, _ = broker_
    batch = bytes(23) + struct.pack(">i", 0)
    broker.answers = {
        0: ProduceResponse_v7.SCHEMA.encode(([("a", [(0, 0, 15, -1, 0)])], 0)),
        2: OffsetResponse_v3.SCHEMA.encode((0, [("a", [(0, 0, -1, 15)])])),
    }

    async def end() -> int:
        reader.ask(2, 3, bytes(OffsetRequest_v3(-1, 1, [("a", [(0, -1)])]).encode()))
        _, topics = OffsetResponse_v3.SCHEMA.decode(BytesIO(await reader.answer()))
        return int(topics[0][1][0][-1])

    assert await end() == 15
    writer.ask(0, 7, bytes(ProduceRequest_v8(None, -1, 9, [("a", [(0, batch)])]).encode()))
    await writer.answer()
    assert await end() == 16
    writer.ask(20, 3, b"topics to delete")
    await writer.answer()
    assert await end() == 15


async def test_who_asks_for_nothing_new_is_answered_in_the_end(
    broker_: tuple[Broker, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_FIRST", 0.001)
    with relay(broker_[1]) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        client = Client(reader, writer)
        for _ in range(4):
            client.ask(1, 4, bytes(FetchRequest_v4(-1, 5, 1, 9, 1, []).encode()))
            await asyncio.wait_for(client.answer(), 10)
        writer.close()


async def test_a_broker_that_is_gone_ends_its_clients(clients: list[Client], port: int) -> None:
    with relay(1) as nowhere:
        reader, writer = await asyncio.open_connection("127.0.0.1", nowhere)
        assert await reader.read() == b""
        writer.close()


async def test_the_requests_are_of_the_form_that_is_read() -> None:
    _, acks, _, topics = ProduceRequest_v8.SCHEMA.decode(BytesIO(write("a", acks=1)))
    assert (acks, topics) == (1, [("a", [(0, b"records")])])


async def test_a_reader_of_the_embedded_broker_is_woken(
    broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = broker.settings.topic("requests")
    async with (
        Reader(broker.settings, topic, beginning=False) as reader,
        AIOKafkaProducer(bootstrap_servers=broker.settings.brokers) as sender,
    ):
        monkeypatch.setattr(module, "_FIRST", 1e6)
        monkeypatch.setattr(module, "_LONGEST", 1e6)
        assert await reader.take(within=1.0) == []
        await sender.send_and_wait(topic, b"1", key=b"k")
        assert [each.value for each in await reader.take(within=30.0)] == [b"1"]


async def test_what_the_embedded_broker_and_its_clients_say_of_ends_is_read(
    broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is asked what it does not get wrong: with nobody else who writes."""
    made: list[Ends] = []
    noted = Ends._note

    def note(self: Ends, *given: Any) -> bytes:
        made.append(self)
        return noted(self, *given)

    monkeypatch.setattr(Ends, "_note", note)
    topic = broker.settings.topic("requests")
    async with (
        AIOKafkaProducer(bootstrap_servers=broker.settings.brokers, linger_ms=50) as sender,
        consumer(broker.settings) as asking,
    ):
        sent = [await sender.send(topic, b"%d" % each, partition=0) for each in range(3)]
        last = max([(await each).offset for each in sent])
        place = TopicPartition(topic, 0)
        assert (await asking.end_offsets([place]))[place] == last + 1
        # as if it did not know of three more
        monkeypatch.setitem(made[-1]._known, (topic, 0), last + 4)
        assert (await asking.end_offsets([place]))[place] == last + 4
