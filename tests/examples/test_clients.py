"""The examples in the languages and with the clients of others, run as their readers run them."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import pytest

from schemas.feedback import Feedback
from schemas.recommendations import Recommendation
from streams.wire.codecs import decode
from tests.end_to_end.conftest import Pipeline
from tests.javascript import NODE, node_modules

EXAMPLES = Path(__file__).parents[2] / "examples"
COMMANDS = {
    "03_curl.sh": ["sh"],
    "04_openai.py": [sys.executable],
    "05_openai.mjs": [NODE],
    "06_confluent_kafka.py": [sys.executable],
    "07_kafkajs.mjs": [NODE],
    "08_kcat.sh": ["sh"],
}
NEEDS = {"03_curl.sh": "curl", "08_kcat.sh": "kcat"}
IMPORTS = {"04_openai.py": "openai", "06_confluent_kafka.py": "confluent_kafka"}


def lacking(name: str) -> str:
    """What an example needs and this machine has not, in words; empty where nothing lacks."""
    program, module = NEEDS.get(name), IMPORTS.get(name)
    if program is not None and shutil.which(program) is None:
        return f"needs the program {program}"
    if module is not None and find_spec(module) is None:
        return f"needs the package {module} of the extra `gateway`"
    if name.endswith(".mjs") and node_modules() is None:
        return "needs Node.js, and `npm ci` in examples"
    return ""


def newer_librdkafka(folder: Path) -> dict[str, str]:
    """Where kcat finds confluent-kafka's librdkafka: Debian's own is too old for our broker."""
    found = find_spec("confluent_kafka")
    assert found is not None and found.origin is not None
    libraries = Path(found.origin).parents[1] / "confluent_kafka.libs"
    (library,) = libraries.glob("librdkafka-*.so.1")
    (folder / "librdkafka.so.1").symlink_to(library)
    known = os.environ.get("LD_LIBRARY_PATH", "")
    return {"LD_LIBRARY_PATH": f"{folder}:{known}"}


def placed(name: str, folder: Path) -> Path:
    """The example; one of JavaScript in a copy beside its packages, wherever they are installed."""
    if not name.endswith(".mjs"):
        return EXAMPLES / name
    packages = node_modules()
    assert packages is not None
    (folder / "node_modules").symlink_to(packages)
    return Path(shutil.copy(EXAMPLES / name, folder))


async def run(command: Sequence[str], environment: dict[str, str]) -> tuple[int | None, str, str]:
    """Exit status, output and errors of a program."""
    process = await asyncio.create_subprocess_exec(
        *command,
        env=os.environ | environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await asyncio.wait_for(process.communicate(), 90)
    return process.returncode, output.decode(), errors.decode()


def test_every_example_is_run() -> None:
    others = {path.name.removeprefix("test_") for path in Path(__file__).parent.glob("test_0*.py")}
    programs = {path.name for path in EXAMPLES.glob("[0-9]*")}
    assert programs == COMMANDS.keys() | others


@pytest.mark.asyncio(loop_scope="package")
@pytest.mark.parametrize("name", COMMANDS)
async def test_it_asks_and_likes_the_best_text(
    name: str, pipeline: Pipeline, address: str, tmp_path: Path
) -> None:
    if reason := lacking(name):
        pytest.skip(reason)
    environment = {"GENRE_ADDRESS": address, "GENRE_BROKERS": pipeline.settings.brokers}
    if name == "08_kcat.sh":
        if find_spec("confluent_kafka") is None:
            pytest.skip("needs librdkafka 2.16, as confluent_kafka of the extra `gateway` has")
        environment |= newer_librdkafka(tmp_path)
    known = len(await pipeline.records("feedback", "ada"))
    status, output, errors = await run([*COMMANDS[name], str(placed(name, tmp_path))], environment)
    assert status == 0, errors
    *_, record = await pipeline.until("feedback", known + 1, "ada")
    liked = decode(record.value, Feedback)
    records = await pipeline.records("recommendations", "ada")
    answers = {each.request_id: each for each in (decode(r.value, Recommendation) for r in records)}
    answer = answers[liked.request_id or ""]
    assert liked.kind == "like"
    assert liked.candidate_id in [each.candidate_id for each in answer.candidates]
    assert answer.candidates[0].text in output
