"""`GET /v1/models`: `genre`, which chooses by itself, `genre:<genre>`, and adapters by name."""

from __future__ import annotations

import orjson
from aiohttp import web

from streams.gateway.backend import Backend, backend_of, caller_of
from streams.gateway.openai.errors import BadParameter

ANY = "genre"
_PREFIX = f"{ANY}:"


async def models(request: web.Request) -> web.Response:
    """Every model of the caller's tenant."""
    known = _known(backend_of(request), caller_of(request).tenant(None))
    listed = [_model(name, created) for name, created in known.items()]
    return web.json_response(body=orjson.dumps({"object": "list", "data": listed}))


async def model(request: web.Request) -> web.Response:
    """One model by its name."""
    known = _known(backend_of(request), caller_of(request).tenant(None))
    name = request.match_info["model"]
    if name not in known:
        raise unknown(name)
    return web.json_response(body=orjson.dumps(_model(name, known[name])))


def genre_of(backend: Backend, name: str | None, tenant: str | None) -> str | None:
    """The genre or adapter that a model's name chooses; None where GENRE chooses itself.

    Raises BadParameter `model_not_found`.
    """
    if name in (None, "", ANY):
        return None
    assert name is not None
    if name not in _known(backend, tenant):
        raise unknown(name)
    return name.removeprefix(_PREFIX)


def unknown(name: str) -> BadParameter:
    """There is no such model."""
    return BadParameter(
        "model",
        f"Expected `{ANY}`, `{_PREFIX}` and a genre, or an adapter of GET /v1/models, "
        f"got {name[:80]!r}.",
        "model_not_found",
    )


def _known(backend: Backend, tenant: str | None) -> dict[str, int]:
    """Names of models, and when they came into being, in seconds."""
    catalogue = backend.catalogue
    known = {ANY: 0} | {f"{_PREFIX}{each['genre']}": 0 for each in catalogue.genres(tenant)}
    return known | {
        each.name: int(each.time.timestamp())
        for each in catalogue.adapters(tenant)
        if each.kind == "published"
    }


def _model(name: str, created: int) -> dict[str, object]:
    return {"id": name, "object": "model", "created": created, "owned_by": ANY}
