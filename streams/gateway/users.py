"""`/v1/users/{user_id}`: what is believed about a user, and what they decide about it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from aiohttp import web

from schemas.fields import Tenant
from schemas.keys import user_key
from schemas.preferences import PreferenceProfile
from schemas.users import UserCommand
from streams.clients.newest import newest
from streams.gateway.backend import backend_of, caller_of
from streams.gateway.bodies import in_query, read, user_in_path
from streams.gateway.problems import Refusal
from streams.gateway.view import plain


@dataclass(frozen=True, slots=True, kw_only=True)
class Permission:
    """Whether something is allowed."""

    allowed: bool


async def profile(request: web.Request) -> web.Response:
    """Likes and dislikes with their uncertainty."""
    found = await _found(request)
    shown = plain(replace(found, row=b""))
    del shown["row"]
    return web.json_response(shown)


async def export(request: web.Request) -> web.Response:
    """Everything that is remembered of a user."""
    found = await _found(request)
    return web.json_response(dict(backend_of(request).catalogue.exported(found)))


async def erase(request: web.Request) -> web.Response:
    """Forget a user."""
    return await _told(request, "erase", None)


async def consent(request: web.Request) -> web.Response:
    """Allow learning from a user, or not."""
    return await _told(request, "consent", (await read(request, Permission)).allowed)


async def exploration(request: web.Request) -> web.Response:
    """Allow exploring for a user, or not."""
    return await _told(request, "explore", (await read(request, Permission)).allowed)


async def _found(request: web.Request) -> PreferenceProfile:
    backend = backend_of(request)
    user, tenant = who(request)
    async with backend.lookups:
        found = await newest(backend.settings, PreferenceProfile, user_key(user, tenant))
    if found is None:
        raise Refusal(404, "unknown_user", "Expected a user who has reacted, got one unknown.")
    return found


async def _told(
    request: web.Request, kind: Literal["erase", "consent", "explore"], allowed: bool | None
) -> web.Response:
    user, tenant = who(request)
    await backend_of(request).publish(
        UserCommand(user_id=user, tenant=tenant, kind=kind, allowed=allowed)
    )
    return web.json_response({"user_id": user, "kind": kind, "allowed": allowed}, status=202)


def who(request: web.Request) -> tuple[str, str | None]:
    """The user of the path, and their tenant. Raises Refusal 403, and InvalidEvent for no id."""
    caller = caller_of(request)
    named = in_query(request, "tenant", Tenant)
    return caller.user(user_in_path(request)), caller.tenant(named)
