"""`with delivery`: an exception becomes the delivery's failure, a cancellation passes, an event may
end only once."""

from __future__ import annotations

import asyncio

import pytest

from schemas.errors import Rejected
from streams.wire.source import Source
from streams.worker.delivery import Delivery, Output

SOURCE = Source(
    topic="genre.requests", partition=1, offset=7, timestamp=2.0, key=b"ada", value=b"{}"
)


def delivery(told: list[str] | None = None) -> Delivery[str]:
    on_finished = None if told is None else lambda: told.append("finished")
    return Delivery(event="event", source=SOURCE, id="id", on_finished=on_finished)


def test_a_block_that_ends_well_finishes_the_delivery() -> None:
    told: list[str] = []
    received = delivery(told)
    with received as event:
        assert event == "event"
        assert not received.finished
    assert (received.finished, received.failure, told) == (True, None, ["finished"])


def test_an_exception_becomes_the_failure_and_goes_no_further() -> None:
    told: list[str] = []
    received = delivery(told)
    error = Rejected("unknown_request", "no")
    with received:
        raise error
    assert (received.finished, received.failure, told) == (True, error, ["finished"])


def test_the_agent_goes_on_with_the_next_delivery() -> None:
    failing, next_one = delivery(), delivery()
    for each, wrong in ((failing, True), (next_one, False)):
        with each:
            if wrong:
                raise ValueError("bad")
    assert failing.failure is not None and next_one.failure is None
    assert failing.finished and next_one.finished


@pytest.mark.parametrize(
    "error", [asyncio.CancelledError, KeyboardInterrupt, GeneratorExit, SystemExit]
)
def test_what_ends_the_process_passes_and_leaves_the_delivery_unfinished(
    error: type[BaseException],
) -> None:
    told: list[str] = []
    received = delivery(told)
    with pytest.raises(error), received:
        raise error
    assert (received.finished, received.failure, told) == (False, None, [])


async def test_a_cancelled_task_leaves_its_delivery_unfinished() -> None:
    received = delivery()

    async def work() -> None:
        with received:
            await asyncio.sleep(60)

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert not received.finished


def test_an_output_knows_its_cause() -> None:
    received = delivery()
    assert received.output("another") == Output(event="another", cause=received)


def test_a_source_says_where_it_stood() -> None:
    assert str(SOURCE) == "genre.requests[1]@7"
