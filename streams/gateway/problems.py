"""What went wrong, as HTTP says it: a status, and `application/problem+json` with our code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import orjson
from aiohttp import web
from aiohttp.http import HttpProcessingError
from aiohttp.http_exceptions import LineTooLong, PayloadEncodingError

from schemas.errors import GenreError, InvalidEvent, NotReady, Rejected
from schemas.recommendations import Recommendation
from streams.clients.kafka import FAILURES
from streams.wire.topics import NOT_THE_LAST

# Of bytes that are no JSON document of ours; what is one and breaks its schema is 422.
_UNREADABLE = {
    "compressed",
    "corrupt_batch",
    "duplicate_name",
    "empty",
    "lone_surrogate",
    "not_finite",
    "not_json",
    "not_utf8",
    "schema_frame",
    "too_deep",
}
_STATUS: Mapping[str, int] = {
    "cancelled": 409,
    "declined": 422,
    "expired": 504,
    "no_version_before": 409,
    "replay_taken_over": 409,
    "too_large": 413,
    "too_many_tenants": 403,
    "unknown_tenant": 403,
    **dict.fromkeys(NOT_THE_LAST, 429),
    **dict.fromkeys(_UNREADABLE, 400),
}
_AGAIN = {"too_many_open": 5, "over_quota": 60}
"""Seconds, for `Retry-After`."""
_NO_TEXT = ("no_text", "not_planned")


class Refusal(GenreError):
    """A request that HTTP itself refuses: with its status and the headers that belong to it."""

    def __init__(
        self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(code, message)
        self.status = status
        self.headers = dict(headers or {})


def away() -> Refusal:
    """Kafka does not take what is sent."""
    return Refusal(
        503,
        "no_broker",
        "Expected Kafka to take the event, got no answer; ask again in some seconds.",
        {"Retry-After": "5"},
    )


@contextmanager
def asking() -> Iterator[None]:
    """A block that asks Kafka. Raises Refusal 503 when it does not answer."""
    try:
        yield
    except (*FAILURES, TimeoutError) as error:
        raise Refusal(
            503,
            "no_broker",
            "Expected Kafka to answer, got nothing; ask again in some seconds.",
            {"Retry-After": "5"},
        ) from error


def refusal_of(error: Exception) -> Refusal | None:
    """An error as a refusal; None for a defect of ours."""
    match error:
        case Refusal():
            return error
        case InvalidEvent():
            return Refusal(_STATUS.get(error.code, 422), error.code, error.message)
        case Rejected():
            return Refusal(_STATUS.get(error.code, 422), error.code, error.message)
        case NotReady():
            return Refusal(_STATUS.get(error.code, 503), error.code, error.message)
        case web.HTTPRequestEntityTooLarge():
            return Refusal(
                413, "too_large", "Expected a smaller body, got one beyond the limit; send less."
            )
        case web.HTTPMethodNotAllowed():
            allowed = ", ".join(sorted(error.allowed_methods))
            return Refusal(
                405,
                "bad_method",
                f"Expected one of {allowed} here; see /openapi.json.",
                {"Allow": allowed},
            )
        case web.HTTPNotFound():
            return Refusal(404, "no_such_path", "Expected a path that /openapi.json lists.")
        case LineTooLong() | HttpProcessingError(message="Too many headers received"):
            return Refusal(
                431,
                "large_head",
                "Expected a path and headers of at most 8190 bytes each, and at most 128 headers, "
                "got more.",
            )
        case web.RequestPayloadError() | PayloadEncodingError():
            return Refusal(
                400,
                "bad_body",
                "Expected a body as its headers say (Content-Length, Transfer-Encoding, "
                "Content-Encoding), got another.",
            )
        case HttpProcessingError():
            return Refusal(
                400,
                "bad_http",
                "Expected HTTP/1.1 to the letter, got something else; use a client.",
            )
        case web.HTTPException():
            return Refusal(error.status, "bad_http", f"Expected another request: {error.reason}.")
        case NotReady():
            return Refusal(503, error.code, error.message, {"Retry-After": "5"})
        case _ if isinstance(error, FAILURES):
            return away()
    return None


def unanswered(answer: Recommendation) -> Refusal:
    """An answer without texts, as a refusal."""
    code = answer.code or answer.status
    otherwise = 500 if code.endswith("_failed") or code in _NO_TEXT else 422
    again = _AGAIN.get(code)
    return Refusal(
        _STATUS.get(code, otherwise),
        code,
        answer.message or "No reason was given.",
        {"Retry-After": str(again)} if again else {},
    )


def problem(refusal: Refusal, **more: Any) -> web.Response:
    """The refusal as https://www.rfc-editor.org/rfc/rfc9457; `more` are further members."""
    document = {
        "type": "about:blank",
        "title": refusal.code.replace("_", " "),
        "status": refusal.status,
        "detail": refusal.message,
        "code": refusal.code,
    }
    return web.Response(
        status=refusal.status,
        headers=refusal.headers,
        content_type="application/problem+json",
        body=orjson.dumps(document | more),
    )
