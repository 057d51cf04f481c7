"""A genre that nobody knew is published, answered, withdrawn, and asked for while it changes;
nothing is lost."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from agents.train.workshop import ENDS
from benchmarks.new_genre import announced, until_answered
from schemas.progress import Progress
from schemas.requests import GenerationRequest
from schemas.training import TrainingEvent
from schemas.users import UserCommand
from streams.wire.codecs import decode
from tests.end_to_end.conftest import Pipeline

pytestmark = pytest.mark.asyncio(loop_scope="package")


async def test_a_published_genre_is_answered_and_a_withdrawn_one_is_not(pipeline: Pipeline) -> None:
    asked = GenerationRequest(
        user_id="fern", prompt="zibblewump about fog", genre="zibblewump", request_id="before"
    )
    assert (await pipeline.client.ask(asked)).code == "unknown_genre"
    await pipeline.client.publish(announced(pipeline.settings))
    await asyncio.wait_for(until_answered(pipeline.client, None), 60)
    asks = [
        pipeline.client.ask(replace(asked, request_id=f"r{number}", candidates=1))
        for number in range(20)
    ]
    withdrawn = replace(announced(pipeline.settings), kind="withdrawn")
    withdrawing = pipeline.client.publish(withdrawn)
    answers, _ = await asyncio.gather(asyncio.gather(*asks), withdrawing)
    assert {answer.code for answer in answers} <= {None, "unknown_genre"}
    async with asyncio.timeout(60):
        number = 20
        while (
            await pipeline.client.ask(replace(asked, request_id=f"r{number}"))
        ).code != "unknown_genre":
            number += 1


async def told(pipeline: Pipeline, job: str, *states: str) -> Progress:
    """The first word about a training that is one of `states`."""
    async with asyncio.timeout(120):
        while True:
            steps = [decode(each.value, Progress) for each in await pipeline.records("progress")]
            for step in steps:
                if step.job == job and step.state in states:
                    return step
            await asyncio.sleep(0.2)


async def test_an_order_outlives_a_kill_and_an_erased_users_text_is_gone(
    pipeline: Pipeline,
) -> None:
    await pipeline.start("train")
    for number in range(3):
        text = f"Fog lies over the hill and nobody sees number {number}."
        user = "fern" if number == 0 else None
        await pipeline.client.publish(
            TrainingEvent(kind="text", genre="fog_note", text=text, user_id=user)
        )
    await pipeline.client.publish(TrainingEvent(kind="train", genre="fog_note", job="j1"))
    await told(pipeline, "j1", "waiting")
    await pipeline.kill("train")
    await pipeline.start("train")
    assert (await told(pipeline, "j1", *ENDS)).code == "too_few_texts"
    await pipeline.client.publish(UserCommand(user_id="fern", kind="erase"))
    await pipeline.client.publish(TrainingEvent(kind="train", genre="fog_note", job="j2"))
    kept = pipeline.settings.corpora / "texts" / "_" / "fog_note.jsonl"
    async with asyncio.timeout(60):
        while b"fern" in await asyncio.to_thread(kept.read_bytes):
            await asyncio.sleep(0.1)
    assert "send 9" in ((await told(pipeline, "j2", *ENDS)).message or "")
    await pipeline.kill("train")
