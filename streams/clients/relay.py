"""Long polling for the embedded broker, which never wakes a fetch that waits for records.

Whoever wants a record at once would have to ask hundreds of times a second. Clients talk to a relay
instead. It lets everything through as it is, but holds back a fetch that only repeats the one
before on its connection, until somebody has written to one of its topics; and where the broker says
that a partition ends before what it has acknowledged, the relay says where it ends.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from asyncio import StreamReader, StreamWriter, Task
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from threading import Thread

from aiokafka.protocol.produce import ProduceRequest_v8

from streams.clients.ends import Ends, Reading

_PRODUCE, _FETCH, _LIST_OFFSETS, _DELETE_TOPICS = 0, 1, 2, 20
# Versions of requests that name their topics in full; the fields of those to write are version 8's.
_NAMING_PRODUCE, _NAMING_FETCH = range(3, 9), range(12)
# From here on a fetch may continue a session, and then names only what has changed; behind the
# client's name: the session's number.
_SESSIONS, _SESSION = 7, struct.calcsize(">iiiib")
_HEADER = struct.Struct(">hhih")  # kind, version, number, length of the client's name
# Seconds for which a fetch is held while nobody writes. They grow with silence: a client that goes
# back, or resumes a partition, says so with its next fetch only.
_FIRST, _LONGEST = 0.02, 5.0
_ENDED = (OSError, EOFError, ValueError, struct.error)


@contextmanager
def relay(broker: int) -> Iterator[int]:
    """The loopback port on which a relay for a broker on port `broker` listens inside the block.

    In a thread of its own: a loop that is busy must not keep the clients of others waiting.
    """
    listener = socket.create_server(("127.0.0.1", 0))
    made = _Relay(broker)
    thread = Thread(target=asyncio.run, args=(made.serve(listener),), name="relay", daemon=True)
    thread.start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        made.stop()
        thread.join()


class _Relay:
    """The connections of all clients."""

    def __init__(self, broker: int) -> None:
        self._broker = broker
        self._links: set[_Link] = set()
        self._serving: set[Task[None]] = set()
        self._ends = Ends()
        self._stopping, self._stop = socket.socketpair()

    async def serve(self, listener: socket.socket) -> None:
        """Serve every client until `stop`."""
        server = await asyncio.start_server(self._serve, sock=listener)
        self._stopping.setblocking(False)
        await asyncio.get_running_loop().sock_recv(self._stopping, 1)
        server.close()
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)
        self._stopping.close()

    def stop(self) -> None:
        """From another thread: end every connection."""
        self._stop.close()

    async def _serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        try:
            from_broker, to_broker = await asyncio.open_connection("127.0.0.1", self._broker)
            await self._join(reader, writer, from_broker, to_broker)
        except (*_ENDED, asyncio.CancelledError):
            pass  # either side has left
        finally:
            self._serving.discard(task)
            writer.close()

    async def _join(
        self,
        reader: StreamReader,
        writer: StreamWriter,
        from_broker: StreamReader,
        to_broker: StreamWriter,
    ) -> None:
        link = _Link()
        self._links.add(link)
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._ask(link, reader, to_broker))
                both.create_task(self._answer(link, from_broker, writer))
        except* _ENDED:
            pass
        finally:
            self._links.discard(link)
            to_broker.close()

    async def _ask(self, link: _Link, reader: StreamReader, writer: StreamWriter) -> None:
        coming = asyncio.create_task(_frame(reader))
        try:
            while True:
                frame = await coming
                coming = asyncio.create_task(_frame(reader))
                kind, version, number, name = _HEADER.unpack_from(frame)
                body = frame[_HEADER.size + max(0, name) :]
                unanswered: list[bytes] | None = None
                if kind == _FETCH:
                    await link.hold(frame, coming)
                elif kind == _PRODUCE:
                    unanswered = self._written(link, number, version, body)
                elif kind == _LIST_OFFSETS:
                    link.readings[number] = self._ends.asked(version, body)
                elif kind == _DELETE_TOPICS:
                    link.readings[number] = self._ends.forget
                await _pass_on(frame, writer)
                if unanswered is not None:
                    self._tell(unanswered)
        finally:
            coming.cancel()

    def _written(self, link: _Link, number: int, version: int, body: bytes) -> list[bytes] | None:
        """Await the answer to a request to write.

        Where none is sure to come, its topics; none where it cannot be read.
        """
        if version not in _NAMING_PRODUCE:
            return []
        _, acknowledged, _, topics = ProduceRequest_v8.SCHEMA.decode(BytesIO(body))
        names = [name.encode() for name, _ in topics]
        if not acknowledged:
            return names
        note = self._ends.written(version, topics)

        def read(answer: bytes) -> bytes:
            self._tell(names)
            return note(answer)

        link.readings[number] = read
        return None

    async def _answer(self, link: _Link, reader: StreamReader, writer: StreamWriter) -> None:
        while True:
            frame = await _frame(reader)
            (number,) = struct.unpack_from(">i", frame)
            if (read := link.readings.pop(number, None)) is not None:
                frame = frame[:4] + read(frame[4:])
            await _pass_on(frame, writer)

    def _tell(self, topics: list[bytes]) -> None:
        for link in self._links:
            link.tell(topics)


class _Link:
    """One client's connection: what it fetched last, and whether there may be something new."""

    def __init__(self) -> None:
        self.readings: dict[int, Reading] = {}
        """What reads the answers to come, by the numbers of their requests."""
        self._fetch = b""
        self._has_news = asyncio.Event()
        self._patience = _FIRST

    async def hold(self, fetch: bytes, coming: Task[bytes]) -> None:
        """Return when a fetch is worth asking, or the client has more to say."""
        if _is_repeated(fetch, self._fetch) and not self._has_news.is_set():
            news = asyncio.create_task(self._has_news.wait())
            await asyncio.wait(
                {news, coming}, timeout=self._patience, return_when=asyncio.FIRST_COMPLETED
            )
            news.cancel()
            self._patience = min(2 * self._patience, _LONGEST)
        else:
            self._patience = _FIRST
        self._fetch = fetch
        self._has_news.clear()

    def tell(self, topics: list[bytes]) -> None:
        """Somebody has written to these topics; none: nobody knows to which."""
        if not topics or not _is_naming(self._fetch) or any(each in self._fetch for each in topics):
            self._has_news.set()


async def _frame(reader: StreamReader) -> bytes:
    (length,) = struct.unpack(">i", await reader.readexactly(4))
    return await reader.readexactly(length)


async def _pass_on(frame: bytes, writer: StreamWriter) -> None:
    writer.write(struct.pack(">i", len(frame)) + frame)
    await writer.drain()


def _is_repeated(fetch: bytes, last: bytes) -> bool:
    # Clients shuffle the partitions; of the header only the number differs.
    return len(fetch) == len(last) and sorted(fetch[8:]) == sorted(last[8:])


def _is_naming(fetch: bytes) -> bool:
    """Whether a fetch names all of its topics."""
    if not fetch:
        return True
    _, version, _, length = _HEADER.unpack_from(fetch)
    at = _HEADER.size + max(0, length) + _SESSION
    return version in _NAMING_FETCH and (
        version < _SESSIONS or struct.unpack_from(">i", fetch, at) == (0,)
    )
