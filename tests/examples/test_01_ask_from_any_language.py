"""The first example, run as its reader runs it."""

from __future__ import annotations

import ast
import asyncio
import os
import re
import sys
from pathlib import Path

import pytest

from schemas.recommendations import Recommendation
from streams.clients.embedded_broker import free_port
from streams.wire.codecs import decode
from tests.end_to_end.conftest import Pipeline

EXAMPLE = Path(__file__).parents[2] / "examples" / "01_ask_from_any_language.py"


async def run(*arguments: str, **environment: str) -> tuple[int | None, str, str]:
    """Run the example; its exit status and what it said."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(EXAMPLE), *arguments),
        env=os.environ | environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode, output.decode(), errors.decode()


@pytest.mark.asyncio(loop_scope="package")
async def test_it_prints_the_ranked_texts_of_its_request(pipeline: Pipeline) -> None:
    status, output, errors = await run(pipeline.settings.brokers)
    assert status == 0, errors
    *_, record = await pipeline.records("recommendations")
    answer = decode(record.value, Recommendation)
    lines = output.splitlines()
    assert len(answer.candidates) == 2
    for place, candidate in enumerate(answer.candidates, 1):
        assert f"{place}. [{candidate.genre}] {candidate.text}" in output
    found = re.fullmatch(r"request (\S+), best candidate (\S+)", lines[-1])
    assert found is not None
    assert found.groups() == (answer.request_id, answer.candidates[0].candidate_id)
    # A second run finds its reply topic and the first answer in it, and waits for its own.
    status, again, errors = await run(GENRE_BROKERS=pipeline.settings.brokers)
    assert status == 0, errors
    assert again.splitlines()[-1] != lines[-1]


async def test_without_a_broker_it_ends_with_an_error() -> None:
    status, output, errors = await run(f"127.0.0.1:{free_port()}")
    assert status == 1 and output == ""
    assert "No Kafka broker answers at" in errors and "Traceback" not in errors


def test_it_imports_nothing_of_ours() -> None:
    tree = ast.parse(EXAMPLE.read_text("utf-8"))
    imported = {
        node.module.partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module
    }
    imported |= {
        name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names
    }
    assert imported - set(sys.stdlib_module_names) == {"aiokafka"}
