"""`genre rebuild --check` against a running system, with everything that the package's other tests
did to it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from agents.commands.rebuild import rebuilt
from genre_models.preferences.row import UserRow
from schemas.errors import Rejected
from schemas.feedback import Feedback
from schemas.requests import GenerationRequest
from schemas.users import UserCommand
from streams.clients.kafka import producer
from streams.wire.headers import ERRORS
from tests.end_to_end.conftest import Pipeline

pytestmark = pytest.mark.asyncio(loop_scope="package")

USERS = ("rita", "rosa", "ruth")


async def react(pipeline: Pipeline, user: str) -> None:
    """A request, two reactions, one that is refused."""
    answer = await pipeline.client.ask(
        GenerationRequest(user_id=user, prompt="A riddle.", request_id="r")
    )
    first = answer.candidates[0].candidate_id
    for kind in ("like", "accept"):
        await pipeline.client.rate(
            Feedback(user_id=user, kind=kind, request_id="r", candidate_id=first)
        )
    await pipeline.client.rate(
        Feedback(user_id=user, kind="like", request_id="never", candidate_id="never/0")
    )


async def settled(pipeline: Pipeline) -> dict[str, Any]:
    """The comparison, once everything that was sent is applied."""
    async with asyncio.timeout(60):
        while (found := await rebuilt(pipeline.settings, check=True)).get("behind") or found[
            "users"
        ] < len(USERS):
            await asyncio.sleep(0.2)
    return found


async def test_the_topics_give_the_rows_of_the_running_table(pipeline: Pipeline) -> None:
    await asyncio.gather(*(react(pipeline, user) for user in USERS))
    await pipeline.client.publish(UserCommand(user_id="ruth", kind="erase"))
    found = await settled(pipeline)
    assert found["differing"] == []
    # On Kafka, retention may have removed the records of other tests that were dated 1970.
    assert found["from"] == "beginning" or not pipeline.settings.embedded
    assert found["refused"] >= len(USERS)


async def test_a_row_that_nothing_in_the_topics_explains_is_told(pipeline: Pipeline) -> None:
    await pipeline.client.publish(UserCommand(user_id="stranger", kind="explore", allowed=False))
    known = (await pipeline.until("recommend-preferences-changelog", 1, "stranger"))[-1]
    sender = producer(pipeline.settings)
    await sender.start()

    async def write(row: bytes | None) -> None:
        # As if the worker had written it: over a row of anybody else it would write its own.
        await sender.send_and_wait(
            known.topic,
            row,
            key=b"stranger",
            partition=known.partition,
            headers=list(known.headers),
        )

    try:
        await write(UserRow(reactions=3).pack())
        assert (await settled(pipeline))["differing"] == ["stranger"]
        await write(known.value)
    finally:
        await sender.stop()
    assert (await settled(pipeline))["differing"] == []


async def test_nothing_is_written_under_a_running_worker(pipeline: Pipeline) -> None:
    with pytest.raises(Rejected, match="every recommend worker to be stopped"):
        await rebuilt(pipeline.settings, write=True)


async def test_what_cannot_be_read_is_left_out(pipeline: Pipeline) -> None:
    async with producer(pipeline.settings) as sender:
        for name in ("adapters", "preferences", "decisions", "recommendations", "feedback.dlq"):
            await sender.send_and_wait(
                pipeline.settings.topic(name),
                b"garbage",
                key=b"\xff",
                headers=[(f"{ERRORS}topic", b"?"), (f"{ERRORS}offset", b"-1")],
            )
    assert (await settled(pipeline))["differing"] == []
