"""A fetch that only repeats the one before is held until there is something to fetch; everything
else goes through as it is."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Iterator
from io import BytesIO

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.protocol.fetch import FetchRequest_v4, FetchRequest_v11
from aiokafka.protocol.produce import ProduceRequest_v8

from streams.clients import relay as module
from streams.clients.embedded_broker import EmbeddedBroker
from streams.clients.reader import Reader
from streams.clients.relay import relay


class Broker:
    """Notes what it is asked, and answers all but what nobody waits for."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                (length,) = struct.unpack(">i", await reader.readexactly(4))
                frame = await reader.readexactly(length)
                self.asked.append(frame)
                answer = frame[4:8] + b"answer to " + frame[8:]
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
