"""Refusals as the clients of OpenAI read them."""

from __future__ import annotations

from typing import Any

import orjson
from aiohttp import web

from streams.gateway.problems import Refusal

# What may succeed when it is sent again as it is; the clients themselves repeat any 408, 409, 429
# and 5xx, and what has run into its deadline would only run into it once more.
_AGAIN = (429, 503)
_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}


def body_of(refusal: Refusal, param: str | None = None) -> dict[str, Any]:
    """The object that both clients raise an error of."""
    kind = _TYPES.get(refusal.status)
    usual = "server_error" if refusal.status >= 500 else "invalid_request_error"
    return {
        "error": {
            "message": refusal.message,
            "type": kind or usual,
            "param": param,
            "code": refusal.code,
        }
    }


def error(refusal: Refusal) -> web.Response:
    """The response of a refusal; what breaks a schema is 400 here."""
    again = "true" if refusal.status in _AGAIN else "false"
    return web.Response(
        status=400 if refusal.status == 422 else refusal.status,
        headers=refusal.headers | {"x-should-retry": again},
        content_type="application/json",
        body=orjson.dumps(body_of(refusal, getattr(refusal, "param", None))),
    )


class BadParameter(Refusal):
    """A parameter that the door does not take, by its name."""

    def __init__(self, param: str, message: str, code: str = "unsupported_parameter") -> None:
        super().__init__(404 if code == "model_not_found" else 400, code, message)
        self.param = param
