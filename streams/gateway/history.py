"""`/v1/users/{user_id}/history`: what is remembered of a user, what they were shown and said."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from math import inf
from typing import Annotated, Any, TypeVar

import orjson
from aiohttp import web
from msgspec import Meta

from schemas.errors import InvalidEvent
from schemas.feedback import Feedback
from schemas.keys import user_key
from schemas.preferences import PreferenceProfile
from schemas.recommendations import Recommendation
from schemas.users import UserCommand
from streams.clients.newest import backwards, last, newest
from streams.gateway.backend import backend_of
from streams.gateway.bodies import in_query
from streams.gateway.users import who
from streams.gateway.view import plain
from streams.settings import Settings
from streams.wire.codecs import decode
from streams.wire.source import Source
from streams.wire.topics import BY_EVENT

E = TypeVar("E")

_Answers = Annotated[int, Meta(ge=0, le=50)]
_USUAL = 20
_LOOKING = 10.0  # seconds in the log; what was found by then is answered


async def history(request: web.Request) -> web.Response:
    """What is remembered of a user, and the newest `answers` (0 to 50) with reactions to them.

    `user` is the export, or null where nothing is remembered; `complete` is false where the log is
    too long to be read in time.
    """
    backend, key = backend_of(request), user_key(*who(request))
    given = in_query(request, "answers", _Answers)
    async with backend.lookups:
        found = await newest(backend.settings, PreferenceProfile, key)
        shown = _Shown(_USUAL if given is None else given)
        is_complete = await shown.read(backend.settings, key)
    document = {
        "user": None if found is None else dict(backend.catalogue.exported(found)),
        "answers": list(shown.answers.values()),
        "complete": is_complete,
    }
    return web.json_response(body=orjson.dumps(document))


class _Shown:
    """The newest answers with texts, by request, and what was said of them."""

    def __init__(self, most: int) -> None:
        self.answers: dict[str, dict[str, Any]] = {}
        self._most = most

    async def read(self, settings: Settings, key: str) -> bool:
        """Read them, nothing of which is from before the user was erased; whether in time."""
        if not self._most:
            return True
        try:
            async with asyncio.timeout(_LOOKING):
                erased = await _erased(settings, key)
                async with aclosing(_since(settings, Recommendation, key, erased)) as answers:
                    async for time, answer in answers:
                        self._add(time, answer)
                        if len(self.answers) >= self._most:
                            break
                # Nobody reacts to what is not there yet.
                oldest = min((each["time"] for each in self.answers.values()), default=inf)
                async with aclosing(_since(settings, Feedback, key, oldest)) as reactions:
                    async for time, said in reactions:
                        if said.request_id in self.answers:
                            reaction = plain(said) | {"time": time}
                            self.answers[said.request_id]["reactions"].insert(0, reaction)
        except TimeoutError:
            return False
        return True

    def _add(self, time: float, answer: Recommendation) -> None:
        if answer.status == "ok":
            shown = self.answers.setdefault(answer.request_id, plain(answer) | {"reactions": []})
            shown["time"] = time  # of a repeat, the first one's


async def _erased(settings: Settings, key: str) -> float:
    """When a user was erased last, in seconds; 0 for never."""

    def is_erase(record: Source) -> bool:
        event = _read(record, UserCommand)
        return event is not None and event.kind == "erase"

    found = await last(settings, BY_EVENT[UserCommand].name, key, is_erase)
    return found.timestamp if found is not None else 0.0


async def _since(
    settings: Settings, kind: type[E], key: str, oldest: float
) -> AsyncGenerator[tuple[float, E], None]:
    """The events of a key that were written after `oldest`, with their times, newest first."""
    async with aclosing(backwards(settings, BY_EVENT[kind].name, key)) as records:
        async for record in records:
            if record.timestamp < oldest:
                return
            event = _read(record, kind)
            if event is not None:
                yield record.timestamp, event


def _read(record: Source, kind: type[E]) -> E | None:
    try:
        return decode(record.value, kind)
    except InvalidEvent:
        return None  # it lies among the dead letters, for operators
