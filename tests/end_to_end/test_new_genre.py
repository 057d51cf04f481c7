"""A genre that nobody knew is published, answered, withdrawn, and asked for while it changes; nothing is lost."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

from benchmarks.new_genre import NEW, until_answered
from schemas.requests import GenerationRequest
from tests.end_to_end.conftest import Pipeline


async def test_a_published_genre_is_answered_and_a_withdrawn_one_is_not(pipeline: Pipeline) -> None:
    asked = GenerationRequest(user_id="ada", prompt="zibblewump about fog", genre="zibblewump", request_id="before")
    assert (await pipeline.client.ask(asked)).code == "unknown_genre"
    await pipeline.client.publish(replace(NEW, time=datetime.now(UTC)))
    await asyncio.wait_for(until_answered(pipeline.client, None), 60)
    asks = [pipeline.client.ask(replace(asked, request_id=f"r{number}", candidates=1)) for number in range(20)]
    withdrawing = pipeline.client.publish(replace(NEW, kind="withdrawn", time=datetime.now(UTC)))
    answers, _ = await asyncio.gather(asyncio.gather(*asks), withdrawing)
    assert {answer.code for answer in answers} <= {None, "unknown_genre"}
    async with asyncio.timeout(60):
        number = 20
        while (await pipeline.client.ask(replace(asked, request_id=f"r{number}"))).code != "unknown_genre":
            number += 1
