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
from streams.wire.partitions import home_of
from streams.wire.topics import changelog
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
    assert (found["from"], found["differing"]) == ("beginning", [])
    assert found["refused"] >= len(USERS)


async def test_a_row_that_nothing_in_the_topics_explains_is_told(pipeline: Pipeline) -> None:
    settings = pipeline.settings
    name, home = (
        changelog(settings.prefix, "recommend", "preferences"),
        home_of("stranger", settings.partitions),
    )
    sender = producer(settings)
    await sender.start()
    try:
        await sender.send_and_wait(
            name, UserRow(reactions=3).pack(), key=b"stranger", partition=home
        )
        assert (await settled(pipeline))["differing"] == ["stranger"]
        await sender.send_and_wait(name, None, key=b"stranger", partition=home)
    finally:
        await sender.stop()
    assert (await settled(pipeline))["differing"] == []


async def test_nothing_is_written_under_a_running_worker(pipeline: Pipeline) -> None:
    with pytest.raises(Rejected, match="every recommend worker to be stopped"):
        await rebuilt(pipeline.settings, write=True)
