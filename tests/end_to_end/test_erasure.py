"""What is left of an erased user: nothing, in no byte of a compacted topic, of a table's file or of
a kept text, whatever step of the erase a kill cuts short."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from agents.supervisor import Supervisor, until_ready
from schemas.candidates import Candidate
from schemas.feedback import Feedback
from schemas.requests import GenerationRequest
from schemas.users import UserCommand
from streams.clients.client import Client
from streams.clients.topic_admin import create
from streams.settings import Settings
from streams.wire import topics
from streams.wire.topics import declarations
from tests import kafka
from tests.agents.recommend.conftest import classified, written
from tests.end_to_end.conftest import Pipeline, on_kafka
from tests.end_to_end.killed import USERS

# What is compacted here in seconds is compacted in a day where nobody says otherwise.
SOON = {"cleanup.policy": "compact", "segment.ms": "1000", "min.cleanable.dirty.ratio": "0.01"}
MARK = b"zanzibar"


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Pipeline]:
    """A recommend and a train worker, each killed at every step of an erase, on a Kafka that
    compacts at once."""
    if kafka.starter() is None:
        pytest.skip(kafka.NOT_FOUND)
    options = {
        "group.min.session.timeout.ms": 500,
        "log.cleaner.backoff.ms": 100,
        "log.segment.delete.delay.ms": 100,
    }
    with kafka.started(folder / "kafka", options) as address:
        async with on_kafka(
            address,
            folder,
            partitions=1,
            session_timeout=2.0,
            heartbeat=0.4,
            train_from="_",
            corpora=folder / "sent",
            adapters=folder / "adapters",
        ) as settings:
            await create(settings)
            async with (
                Supervisor(
                    settings, logs=folder / "logs", module="tests.end_to_end.killed"
                ) as supervisor,
                Client(settings) as client,
            ):
                started = [supervisor.start(role) for role in ("recommend", "train")]
                await asyncio.gather(*(until_ready(worker, 60) for worker in started))
                yield Pipeline(settings=settings, supervisor=supervisor, client=client)


async def lived(pipeline: Pipeline, words: dict[str, str]) -> None:
    """Each user asks once, likes the first text, writes it anew and corrects the genre; the user's
    word stands in all that is kept of that."""
    for user, word in words.items():
        asked = GenerationRequest(user_id=user, prompt="It rains.", context={"place": word})
        await pipeline.client.publish(classified("r", user, request=asked))
    await pipeline.until("generations", len(words))
    for user, word in words.items():
        text = Candidate(
            index=0,
            text=f"The harbour of {word} lies in the mist.",
            finish="stop",
            logprob=-2.0,
            tokens=12,
            projection=(0.1,) * 8,
            text_probability=0.5,
        )
        await pipeline.client.publish(written("r", user, candidates=(text,)))
    await pipeline.until("recommendations", len(words))
    for user, word in words.items():
        said = f"The mist of {word} lies in the harbour of {user}."
        for reaction in (
            liked(user),
            replace(liked(user), kind="edit", text=said),
            corrected(user),
        ):
            await pipeline.client.rate(reaction)
    await pipeline.until("corrections", len(words))


def liked(user: str) -> Feedback:
    return Feedback(user_id=user, kind="like", request_id="r", candidate_id="r/0")


def corrected(user: str) -> Feedback:
    return Feedback(user_id=user, kind="genre_correction", request_id="r", genre="sonnet")


async def went_on(pipeline: Pipeline, number: int) -> None:
    """Somebody else adds to every topic: a segment is closed, and then compacted, when a record
    follows."""
    await pipeline.client.publish(classified(f"r{number}", "ben"))
    for reaction in (liked("ben"), corrected("ben")):
        await pipeline.client.rate(reaction)
    await asyncio.sleep(0.5)


def places(settings: Settings, folder: Path) -> set[str]:
    """Every compacted topic in whose files on the broker the word stands, and every folder of the
    workers' files."""
    logs = {log.parent.name: log.parent.parent for log in (folder / "kafka").rglob("*.log")}
    compacted = {
        declared.name.removeprefix(settings.prefix): folder / logs[f"{declared.name}-0"]
        for declared in declarations(settings.prefix)
        if declared.config["cleanup.policy"] == "compact"
    }
    files = {
        name: list((data / f"{settings.prefix}{name}-0").iterdir())
        for name, data in compacted.items()
    }
    for kind in ("state", "sent", "adapters", "logs"):
        files[kind] = list((folder / kind).rglob("*"))
    return {name for name, found in files.items() if any(MARK in bytes_of(file) for file in found)}


def bytes_of(file: Path) -> bytes:
    """The content of a file; nothing of one that has just gone, or is none."""
    try:
        return file.read_bytes()
    except OSError:
        return b""


@pytest.mark.kafka
@pytest.mark.slow
async def test_nothing_is_left_of_who_was_erased_whatever_step_a_kill_cut_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(topics, "_compacted", lambda: SOON)
    async with running(tmp_path) as pipeline:
        await lived(pipeline, dict.fromkeys(USERS, MARK.decode()) | {"ben": "peace"})
        async with asyncio.timeout(30):
            expected = {"recommend-decisions-changelog", "state", "sent"}
            while await asyncio.to_thread(places, pipeline.settings, tmp_path) != expected:
                await asyncio.sleep(0.1)
        for user in USERS:
            await pipeline.client.publish(UserCommand(user_id=user, kind="erase"))
        async with asyncio.timeout(90):
            number = 0
            while await asyncio.to_thread(places, pipeline.settings, tmp_path):
                await went_on(pipeline, number := number + 1)
        for topic in ("preferences", "corrections"):
            newest = {each.key: each.value for each in await pipeline.records(topic)}
            of_others = {key for key, value in newest.items() if value is not None}
            assert all(key is not None and key.startswith(b"ben") for key in of_others)
        (worker,) = pipeline.workers("recommend")
        assert worker.process.poll() is None  # it has lived through every step
