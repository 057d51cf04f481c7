"""The second example, run as its reader runs it."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from schemas.feedback import Feedback
from schemas.requests import GenerationRequest
from streams.wire.codecs import decode
from tests.end_to_end.conftest import Pipeline

EXAMPLE = Path(__file__).parents[2] / "examples" / "02_follow_feedback.py"


async def run(*arguments: str) -> tuple[int | None, str, str]:
    """Run the example; its exit status and what it said."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(EXAMPLE), *arguments),
        env=os.environ,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await asyncio.wait_for(process.communicate(), 90)
    return process.returncode, output.decode(), errors.decode()


@pytest.mark.asyncio(loop_scope="package")
async def test_it_prints_what_is_believed_after_a_reaction(pipeline: Pipeline) -> None:
    answer = await pipeline.client.ask(
        GenerationRequest(user_id="bob", prompt="a joke about dentists", candidates=2)
    )
    assert answer.status == "ok"
    status, output, errors = await run(answer.request_id, "bob", pipeline.settings.brokers)
    assert status == 0, errors
    assert output.startswith("after 1 reactions: ")
    reactions = [decode(record.value, Feedback) for record in await pipeline.records("feedback")]
    assert [(each.kind, each.candidate_id) for each in reactions] == [
        ("like", f"{answer.request_id}/0")
    ]


async def test_without_arguments_it_explains_itself() -> None:
    status, _, errors = await run()
    assert status == 1 and "REQUEST_ID USER_ID [BROKERS]" in errors
