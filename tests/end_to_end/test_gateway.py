"""The gateway before the whole loop: an answer, a reaction that is learned, a gateway that dies."""

from __future__ import annotations

import json
from dataclasses import replace

import aiohttp
import pytest

from agents.supervisor import Supervisor, until_ready
from tests.end_to_end.conftest import Pipeline

pytestmark = pytest.mark.asyncio(loop_scope="package")

WISH = {"user_id": "gaia", "prompt": "Tell me a joke about dentists.", "request_id": "g1"}


async def test_ask_react_and_read_again_from_another_gateway(pipeline: Pipeline) -> None:
    # A supervisor of its own: the pipeline's other tests know nothing of gateways.
    logs = pipeline.supervisor._logs
    module = pipeline.supervisor._module
    async with (
        Supervisor(replace(pipeline.settings), logs=logs, module=module) as supervisor,
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(60)) as http,  # of each request
    ):
        first, second = supervisor.start("gateway"), supervisor.start("gateway")
        one = (await until_ready(first, 60))["address"]
        other = (await until_ready(second, 60))["address"]
        headers = {"Accept": "text/event-stream"}
        async with http.post(f"{one}/v1/recommendations", json=WISH, headers=headers) as response:
            lines = (await response.text()).splitlines()
        events = [line[7:] for line in lines if line.startswith("event: ")]
        # Of different topics, each from its own broker's fetch, the last may be heard first.
        assert events[0] == "request" and events[-1] == "recommendation"
        answer = json.loads([line[6:] for line in lines if line.startswith("data: ")][-1])
        cursor = [line[4:] for line in lines if line.startswith("id: ")][1]
        like = {
            "user_id": "gaia",
            "kind": "like",
            "request_id": "g1",
            "candidate_id": answer["candidates"][0]["candidate_id"],
        }
        async with http.post(f"{one}/v1/feedback?wait", json=like) as response:
            assert (await response.json())["state"] == "learned"
        first.process.kill()
        again = f"{other}/v1/recommendations/g1?user_id=gaia"
        async with http.get(again) as response:
            assert await response.json() == answer
        async with http.get(again, headers=headers | {"Last-Event-ID": cursor}) as response:
            text = await response.text()
        assert "event: request" not in text and "event: recommendation" in text
