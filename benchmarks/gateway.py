"""What the gateway costs over Kafka itself, what it bears, and what is lost when one is killed.

On Apache Kafka (one broker, four partitions), with instant stand-ins for the models, one worker a
role and two gateways:

- overhead: the same requests one at a time, by turns over HTTP and by a client of the topics;
- streams: 500 that stay open, and beside them 50 streamed requests a second; errors, and the
  gateway's memory before, half-way and after;
- a kill: streamed requests at 50 a second, one of two gateways is killed among them; every request
  that the client was told of is read by its id from the other, without being asked again;
- seconds until the role is ready, the second time.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import aiohttp

from agents.supervisor import RoleProcess, until_ready
from benchmarks.fixtures import apache_kafka, supervised
from benchmarks.latency import PROMPTS, WARM_UP, one
from benchmarks.report import arguments, percentile, show
from benchmarks.stand_ins import answering
from benchmarks.stream import cpu_seconds
from streams.clients.client import Client
from streams.clients.topic_admin import create
from streams.settings import Settings

LOAD = 50  # requests a second
OPEN = 500
STREAM = {"Accept": "text/event-stream"}
_READ = 60.0  # seconds in which an answer must be found by its id

Figures = dict[str, float | None]


@dataclass(slots=True, kw_only=True)
class Installation:
    """Everything that runs, and who asks."""

    settings: Settings
    kafka: Client
    http: aiohttp.ClientSession
    gateways: list[RoleProcess]
    addresses: list[str]

    async def megabytes(self) -> float:
        """Resident memory of the first gateway."""
        async with self.http.get(f"{self.addresses[0]}/health") as response:
            return float((await response.json())["rss_mb"])


@asynccontextmanager
async def installation() -> AsyncIterator[Installation]:
    """Every role that answers, and two gateways, ready."""
    async with AsyncExitStack() as opened:
        settings = replace(opened.enter_context(apache_kafka(partitions=4)), store="memory://")
        await create(settings)
        supervisor = await opened.enter_async_context(supervised(settings, "benchmarks.stand_ins"))
        for role in answering():
            supervisor.start(role)
        await supervisor.ready(within=120)
        gateways = [supervisor.start("gateway") for _ in range(2)]
        ready = await asyncio.gather(*(until_ready(each, 60) for each in gateways))
        yield Installation(
            settings=settings,
            kafka=await opened.enter_async_context(Client(settings)),
            http=await opened.enter_async_context(
                aiohttp.ClientSession(
                    connector=aiohttp.TCPConnector(limit=0),
                    timeout=aiohttp.ClientTimeout(total=None),
                )
            ),
            gateways=gateways,
            addresses=[state["address"] for state in ready],
        )


async def paced(count: int, rate: float, call: Callable[[int], Awaitable[Any]]) -> list[Any]:
    """Results or errors of calls that begin at a rate, whether or not earlier ones have ended."""
    begun, tasks = time.perf_counter(), []
    for number in range(count):
        await asyncio.sleep(max(0.0, begun + number / rate - time.perf_counter()))
        tasks.append(asyncio.ensure_future(call(number)))
    return await asyncio.gather(*tasks, return_exceptions=True)


def wish(number: int) -> dict[str, str]:
    """A request with an id of its own."""
    return {
        "user_id": f"user-{number % 20}",
        "prompt": PROMPTS[number % len(PROMPTS)],
        "request_id": uuid.uuid4().hex,
    }


async def waited(there: Installation, number: int) -> float:
    """Seconds until one answer over HTTP; it must hold texts."""
    asked = wish(number) | {"max_tokens": 64}
    begun = time.perf_counter()
    async with there.http.post(f"{there.addresses[0]}/v1/recommendations", json=asked) as response:
        if response.status != 200:
            raise RuntimeError(f"expected texts, got {response.status}: {await response.text()}")
        await response.read()
    return time.perf_counter() - begun


async def streamed(there: Installation, number: int) -> None:
    """One request as a stream, to its end."""
    async with there.http.post(
        f"{there.addresses[0]}/v1/recommendations", json=wish(number), headers=STREAM
    ) as response:
        text = await response.text()
    if response.status != 200 or "event: recommendation" not in text:
        raise RuntimeError(f"expected a recommendation, got {response.status}: {text[-300:]}")


async def overhead(there: Installation, requests: int) -> Figures:
    """Both ways by turns, one request at a time: what else the machine does meets both alike."""
    kafka, http = [], []
    for number in range(WARM_UP // 2 + requests):
        kafka.append(1000 * await one(there.kafka, number))
        http.append(1000 * await waited(there, number))
    figures: Figures = {}
    for share, name in ((0.5, "p50"), (0.99, "p99")):
        ours, plain = (percentile(each[WARM_UP // 2 :], share) for each in (http, kafka))
        figures |= {f"kafka_{name}_ms": plain, f"http_{name}_ms": ours}
        figures[f"overhead_{name}_ms"] = ours - plain
    return figures


async def loaded(there: Installation, seconds: int) -> Figures:
    """Streams that stay open, and requests beside them."""
    begun: asyncio.Queue[int] = asyncio.Queue()
    waiting = [asyncio.create_task(_held(there, begun)) for _ in range(OPEN)]
    before = await there.megabytes()
    for _ in range(OPEN):
        await begun.get()
    memory, results = [await there.megabytes()], []
    for _ in range(2):
        results += await paced(LOAD * seconds // 2, LOAD, lambda number: streamed(there, number))
        memory.append(await there.megabytes())
    errors = [each for each in results if isinstance(each, BaseException)]
    for error in errors[:3]:
        print(f"error: {error!r}")
    ended = sum(task.done() for task in waiting)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    return {
        "streams_open": float(OPEN - ended),
        "requests_beside": float(len(results)),
        "errors": float(len(errors) + ended),
        "memory_idle_mb": before,
        "memory_streams_mb": memory[0],
        "memory_half_mb": memory[1],
        "memory_end_mb": memory[2],
    }


async def _held(there: Installation, begun: asyncio.Queue[int]) -> None:
    """A stream for an answer that never comes."""
    asked = f"{there.addresses[0]}/v1/recommendations/{uuid.uuid4().hex}?user_id=nobody"
    async with there.http.get(asked, headers=STREAM) as response:
        await response.content.readuntil(b"\r\n\r\n")
        begun.put_nowait(response.status)
        await response.read()


async def killed(there: Installation, requests: int) -> Figures:
    """What is lost with a gateway that is killed among requests."""
    told: list[dict[str, str]] = []
    asking = asyncio.create_task(
        paced(requests, LOAD, lambda number: _told(there, wish(number), told))
    )
    while len(told) < requests // 2:
        await asyncio.sleep(0.001)
    there.gateways[0].process.kill()
    known = list(told)
    outcomes = await asking
    broken = sum(isinstance(each, BaseException) for each in outcomes)
    found = await asyncio.gather(*(_read(there, asked) for asked in known))
    return {
        "killed_requests": float(len(known)),
        "killed_cut": float(broken),
        "killed_lost": float(found.count(False)),
    }


async def _told(there: Installation, asked: dict[str, str], told: list[dict[str, str]]) -> None:
    """Ask, note the request once its stream has begun, and read to the end."""
    async with there.http.post(
        f"{there.addresses[0]}/v1/recommendations", json=asked, headers=STREAM
    ) as response:
        response.raise_for_status()
        await response.content.readuntil(b"\r\n\r\n")
        told.append(asked)
        await response.read()


async def _read(there: Installation, asked: dict[str, str]) -> bool:
    """Whether the other gateway gives the answer by its id."""
    place = f"{there.addresses[1]}/v1/recommendations/{asked['request_id']}"
    until = time.monotonic() + _READ
    while time.monotonic() < until:
        async with there.http.get(place, params={"user_id": asked["user_id"]}) as response:
            if response.status == 200:
                return True
        await asyncio.sleep(0.5)
    return False


async def started(there: Installation) -> Figures:
    """Seconds of one more gateway until it is ready; files are in the system's cache by now.

    Of the processor, too: those do not depend on what else runs.
    """
    async with supervised(there.settings) as alone:
        begun = time.perf_counter()
        worker = alone.start("gateway")
        await until_ready(worker, 60)
        seconds = time.perf_counter() - begun
        processor = cpu_seconds(worker.process.pid)
    return {"ready_s": seconds, "ready_processor_s": processor}


async def main() -> None:
    """Measure and print."""
    given = arguments(__doc__ or "")
    async with installation() as there:
        figures = await started(there)
        figures |= await overhead(there, 50 if given.quick else 400)
        figures |= await loaded(there, 6 if given.quick else 60)
        figures |= await killed(there, 50 if given.quick else 200)
    show(figures, json=given.json)


if __name__ == "__main__":
    asyncio.run(main())
