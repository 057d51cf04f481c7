"""classify: requests come in and go out with genre probabilities, language and safety verdict."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Protocol

from agents.classify.corrections import Corrections
from agents.classify.quota import Quota
from agents.failures import OVER_QUOTA, expired
from agents.genres.classifiers import Classifiers
from genre_models.sampling import USUAL, asked_of, in_numbers, resolved
from genre_models.suggestions import SUGGESTION, topics_of
from schemas.classified import ClassifiedRequest
from schemas.fields import RequestId
from schemas.keys import key_of
from schemas.parts import Failure
from schemas.requests import GenerationRequest
from streams.wire.headers import expiry, reply_to
from streams.worker.delivery import Delivery, Outputs

DEFAULT_DEADLINE = timedelta(seconds=60)
LONGEST_DEADLINE = timedelta(minutes=10)
IN_FLIGHT = 256
"""Requests that are judged at the same time or wait for it: while a batch is judged, the next."""

_EPOCH = datetime.fromtimestamp(0, UTC)

Judge = Callable[[ClassifiedRequest], Awaitable[ClassifiedRequest]]
Answer = Callable[[Delivery[GenerationRequest]], Awaitable[ClassifiedRequest]]


class LearningJudge(Protocol):
    """A judge that takes corrections and learns new genres."""

    corrections: Corrections
    classifiers: Classifiers

    def __call__(self, received: ClassifiedRequest) -> Awaitable[ClassifiedRequest]:
        """Genres, language and verdict of a request."""


Judged = tuple[Delivery[GenerationRequest], ClassifiedRequest | Exception]


async def classify(
    requests: AsyncIterator[Delivery[GenerationRequest]],
    judge: Judge,
    reply_prefixes: tuple[str, ...],
    quota: Quota,
) -> Outputs:
    """Judge many requests at a time; those of one user go out in the order in which they came.

    One that is too late or cannot be judged travels on with its failure. So does one beyond its
    user's quota: a refusal must cost less than an answer.
    """

    async def answer(delivery: Delivery[GenerationRequest]) -> ClassifiedRequest:
        received = accepted(delivery, reply_prefixes)
        failure = _refusal(received, quota)
        return await judge(received) if failure is None else replace(received, failure=failure)

    judged: asyncio.Queue[Judged | None] = asyncio.Queue()
    room = asyncio.Semaphore(IN_FLIGHT)
    feeding = asyncio.create_task(_feed(requests, answer, judged, room))
    try:
        while (item := await judged.get()) is not None:
            delivery, answered = item
            with delivery:
                if isinstance(answered, Exception):
                    raise answered
                yield delivery.output(answered)
            room.release()
        await feeding
    finally:
        feeding.cancel()
        await asyncio.wait({feeding})


async def _feed(
    requests: AsyncIterator[Delivery[GenerationRequest]],
    answer: Answer,
    judged: asyncio.Queue[Judged | None],
    room: asyncio.Semaphore,
) -> None:
    """Begin requests as long as there is room, in their order: so their users' quotas count."""
    latest: dict[str, asyncio.Task[None]] = {}

    async def finish(delivery: Delivery[GenerationRequest]) -> None:
        user = key_of(delivery.event)
        own, earlier = asyncio.current_task(), latest.get(user)
        assert own is not None
        latest[user] = own
        answered: ClassifiedRequest | Exception
        try:
            answered = await answer(delivery)
        except Exception as error:
            answered = error
        if earlier is not None:
            await asyncio.wait({earlier})
        await judged.put((delivery, answered))
        if latest[user] is own:
            del latest[user]

    try:
        async with asyncio.TaskGroup() as finishing:
            async for delivery in requests:
                await room.acquire()
                finishing.create_task(finish(delivery))
    finally:
        await judged.put(None)


def _refusal(received: ClassifiedRequest, quota: Quota) -> Failure | None:
    if received.deadline <= datetime.now(UTC):
        return expired(received.deadline)
    texts = (received.request.prompt or "", *(received.topics or ()))
    size = sum(len(text.encode()) for text in texts)
    return None if quota.takes(key_of(received), size) else OVER_QUOTA


def accepted(
    delivery: Delivery[GenerationRequest], reply_prefixes: tuple[str, ...]
) -> ClassifiedRequest:
    """The request with id, deadline and reply address settled: a function of the record alone.

    A suggestion gets a prompt that workers can write by which know of none.
    """
    request = delivery.event
    headers = delivery.source.headers
    received = datetime.fromtimestamp(delivery.source.timestamp, UTC)
    # What has no deadline may say so with the beginning of the epoch, or of the calendar.
    wanted = (request.deadline, expiry(headers))
    wishes = [moment for moment in wanted if moment is not None and moment > _EPOCH]
    latest = received + LONGEST_DEADLINE
    deadline = min([*wishes, latest]) if wishes else received + DEFAULT_DEADLINE
    request_id = request.request_id or delivery.given_id(RequestId)
    asked = asked_of(request)
    named = replace(
        request, request_id=request_id, prompt=request.prompt or SUGGESTION, suggest=False
    )
    return ClassifiedRequest(
        request_id=request_id,
        user_id=request.user_id,
        tenant=request.tenant,
        request=in_numbers(named, resolved(asked, USUAL)),
        received=received,
        deadline=deadline,
        asked=asked,
        topics=topics_of(request.context) if request.suggest else None,
        reply=reply_to(headers, reply_prefixes),
    )
