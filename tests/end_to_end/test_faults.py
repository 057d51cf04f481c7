"""Any role ends amid twenty requests, by kill -9 or in good order: twenty answers, every reaction
counted once."""

from __future__ import annotations

import asyncio
import signal
from collections import defaultdict
from typing import Literal

import pytest

from schemas.feedback import Feedback
from schemas.preferences import PreferenceProfile
from schemas.recommendations import Recommendation
from schemas.requests import GenerationRequest
from streams.wire.codecs import decode
from streams.wire.source import Source
from tests.end_to_end.conftest import Pipeline

pytestmark = pytest.mark.asyncio(loop_scope="package")


def different_answers(records: list[Source]) -> dict[str, set[tuple[bytes | None, bytes]]]:
    """For every request the different (bytes, ce_id) that were published."""
    found: dict[str, set[tuple[bytes | None, bytes]]] = defaultdict(set)
    for record in records:
        answer = decode(record.value, Recommendation)
        found[answer.request_id].add((record.value, dict(record.headers)["ce_id"]))
    return found


@pytest.mark.parametrize(
    ("role", "number"),
    [
        ("classify", signal.SIGKILL),
        ("recommend", signal.SIGKILL),
        ("generate", signal.SIGKILL),
        ("recommend", signal.SIGTERM),
        ("generate", signal.SIGTERM),
    ],
)
async def test_stop_in_the_middle(pipeline: Pipeline, role: str, number: int) -> None:
    client = pipeline.client
    users = [f"{role}-{number}-{index}" for index in range(5)]
    seen = [
        await client.ask(GenerationRequest(user_id=user, prompt="a joke", request_id="first"))
        for user in users
    ]

    requests = [
        GenerationRequest(
            user_id=users[index % 5], prompt=f"a joke about number {index}", request_id=f"r{index}"
        )
        for index in range(20)
    ]
    asking = [asyncio.create_task(client.ask(request, within=120)) for request in requests]
    rating = [
        asyncio.create_task(client.rate(_liked(user, answer, kind)))
        for user, answer in zip(users, seen, strict=True)
        for kind in range(2)
    ]
    await asyncio.sleep(0.05)
    workers = len(pipeline.workers(role))
    await pipeline.kill(role, number)
    await pipeline.start(role, workers)
    answers = await asyncio.gather(*asking)
    await asyncio.gather(*rating)

    lost = [answer.request_id for answer in answers if answer.status != "ok"]
    assert not lost, {
        request: await reached(pipeline, request, *users) for request in lost if request
    }
    published = different_answers(await pipeline.records("recommendations", *users))
    assert set(published) == {"first", *(request.request_id for request in requests)}
    assert all(len(versions) == 1 for request, versions in published.items() if request != "first")

    # One more reaction each: its profile shows how often the earlier ones were counted.
    for user, answer in zip(users, seen, strict=True):
        await client.rate(_liked(user, answer, 2))
    async with asyncio.timeout(60):
        while await _reactions(pipeline, *users) != dict.fromkeys(users, 3):
            await asyncio.sleep(0.3)


async def reached(pipeline: Pipeline, request_id: str, *users: str) -> list[str]:
    """The topics in which a request left a trace, with its places there."""
    name = f'"request_id":"{request_id}"'.encode()
    return [
        f"{topic}[{record.partition}]@{record.offset}"
        for topic in (
            "requests",
            "classified",
            "generations",
            "candidates",
            "recommendations",
            "candidates.dlq",
        )
        for record in await pipeline.records(topic)
        if name in (record.value or b"")
        and any(f'"{user}"'.encode() in (record.value or b"") for user in users)
    ]


def _liked(user: str, answer: Recommendation, number: int) -> Feedback:
    kinds: tuple[Literal["like"], Literal["accept"], Literal["copy"]] = ("like", "accept", "copy")
    return Feedback(
        user_id=user,
        kind=kinds[number],
        request_id="first",
        candidate_id=answer.candidates[number % len(answer.candidates)].candidate_id,
        feedback_id=f"{user}-{number}",
    )


async def _reactions(pipeline: Pipeline, *users: str) -> dict[str, int]:
    profiles = [
        decode(record.value, PreferenceProfile)
        for record in await pipeline.records("preferences", *users)
    ]
    return {profile.user_id: profile.reactions for profile in profiles}
