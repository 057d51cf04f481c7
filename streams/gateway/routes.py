"""Every path of the gateway in one table: what it does, who may, what goes in and comes out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from schemas.feedback import Feedback
from schemas.preferences import PreferenceProfile
from schemas.progress import Progress
from schemas.recommendations import Recommendation
from schemas.requests import GenerationRequest
from streams.gateway import (
    feedback,
    flow,
    history,
    letters,
    recommendations,
    shelves,
    training,
    users,
)
from streams.gateway.keys import Scope
from streams.gateway.openai import chat, models

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One method of one path; its summary is the handler's docstring."""

    method: str
    path: str
    handler: Handler
    scope: Scope
    body: Any = None
    """The schema of its JSON body."""
    answer: Any = None
    """The schema of what it answers; absent: an object that its summary describes."""
    status: int = 200
    streams: bool = False
    """Whether it can answer with `text/event-stream`."""
    is_openai: bool = False
    """Whether errors are told as OpenAI's clients read them."""
    query: tuple[str, ...] = ()
    """Names of parameters; those with `!` are required."""


_USER = "/v1/users/{user_id}"
_GENRE = "/v1/genres/{genre}"
_ADAPTER = "/v1/adapters/{adapter}"
_LETTERS = "/v1/dead-letters"

ROUTES: tuple[Route, ...] = (
    Route(
        method="POST",
        path="/v1/recommendations",
        handler=recommendations.ask,
        scope="ask",
        body=GenerationRequest,
        answer=Recommendation,
        streams=True,
    ),
    Route(
        method="GET",
        path="/v1/recommendations/{request_id}",
        handler=recommendations.again,
        scope="ask",
        answer=Recommendation,
        streams=True,
        query=("user_id!", "tenant"),
    ),
    Route(
        method="DELETE",
        path="/v1/recommendations/{request_id}",
        handler=recommendations.cancel,
        scope="ask",
        status=202,
        query=("user_id!", "tenant"),
    ),
    Route(
        method="POST",
        path="/v1/feedback",
        handler=feedback.react,
        scope="react",
        body=Feedback | list[Feedback],
        answer=feedback.State | list[feedback.State],
        query=("wait",),
    ),
    Route(
        method="GET",
        path=_USER,
        handler=users.profile,
        scope="read",
        answer=PreferenceProfile,
        query=("tenant",),
    ),
    Route(
        method="DELETE",
        path=_USER,
        handler=users.erase,
        scope="react",
        status=202,
        query=("tenant",),
    ),
    Route(
        method="GET", path=f"{_USER}/export", handler=users.export, scope="read", query=("tenant",)
    ),
    Route(
        method="GET",
        path=f"{_USER}/history",
        handler=history.history,
        scope="read",
        query=("tenant", "answers"),
    ),
    Route(
        method="PUT",
        path=f"{_USER}/consent",
        handler=users.consent,
        scope="react",
        body=users.Permission,
        status=202,
        query=("tenant",),
    ),
    Route(
        method="PUT",
        path=f"{_USER}/exploration",
        handler=users.exploration,
        scope="react",
        body=users.Permission,
        status=202,
        query=("tenant",),
    ),
    Route(method="GET", path="/v1/genres", handler=shelves.genres, scope="read", query=("tenant",)),
    Route(
        method="GET", path="/v1/adapters", handler=shelves.adapters, scope="read", query=("tenant",)
    ),
    Route(
        method="GET",
        path=_GENRE,
        handler=shelves.genre,
        scope="read",
        query=("tenant",),
    ),
    Route(
        method="GET",
        path=f"{_GENRE}/comparison",
        handler=shelves.compare,
        scope="operate",
        query=("tenant",),
    ),
    Route(
        method="POST",
        path=f"{_GENRE}/rollback",
        handler=shelves.roll_back,
        scope="operate",
        body=shelves.Change,
        status=202,
    ),
    Route(
        method="GET",
        path=_ADAPTER,
        handler=shelves.adapter,
        scope="read",
        query=("tenant",),
    ),
    Route(
        method="POST",
        path=f"{_ADAPTER}/withdraw",
        handler=shelves.withdraw,
        scope="operate",
        body=shelves.Change,
        status=202,
    ),
    Route(
        method="POST",
        path=f"{_ADAPTER}/publish",
        handler=shelves.publish,
        scope="operate",
        body=shelves.Change,
        status=202,
    ),
    Route(
        method="POST",
        path="/v1/training",
        handler=training.train,
        scope="train",
        body=training.Training,
        status=202,
    ),
    Route(
        method="GET",
        path="/v1/training/{genre}/{job}",
        handler=training.progress,
        scope="read",
        answer=Progress,
        streams=True,
        query=("tenant",),
    ),
    Route(method="GET", path="/v1/flow", handler=flow.flow, scope="operate", streams=True),
    Route(method="GET", path=_LETTERS, handler=letters.counts, scope="operate"),
    Route(
        method="GET",
        path=f"{_LETTERS}/{{topic}}",
        handler=letters.page,
        scope="operate",
        query=("code", "since", "until", "before", "limit"),
    ),
    Route(
        method="GET",
        path=f"{_LETTERS}/{{topic}}/{{letter}}",
        handler=letters.letter,
        scope="operate",
    ),
    Route(
        method="POST",
        path=f"{_LETTERS}/{{topic}}/replay",
        handler=letters.replay,
        scope="operate",
        body=letters.Replay,
    ),
    Route(
        method="POST",
        path="/v1/chat/completions",
        handler=chat.complete,
        scope="ask",
        body=chat.Completion,
        streams=True,
        is_openai=True,
    ),
    Route(method="GET", path="/v1/models", handler=models.models, scope="ask", is_openai=True),
    Route(
        method="GET", path="/v1/models/{model}", handler=models.model, scope="ask", is_openai=True
    ),
)
