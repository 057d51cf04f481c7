"""Every error has its status, its code and words that say what to do."""

from __future__ import annotations

import pytest
from aiohttp import web
from aiokafka.errors import KafkaTimeoutError

from schemas.errors import InvalidEvent, NotReady, Rejected
from streams.gateway.problems import Refusal, problem, refusal_of


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (InvalidEvent("not_json", "x"), 400, "not_json"),
        (InvalidEvent("empty", "x"), 400, "empty"),
        (InvalidEvent("missing_field", "x"), 422, "missing_field"),
        (InvalidEvent("too_large", "x"), 413, "too_large"),
        (Rejected("unknown_genre", "x"), 422, "unknown_genre"),
        (Rejected("unknown_tenant", "x"), 403, "unknown_tenant"),
        (web.HTTPRequestEntityTooLarge(1, 2), 413, "too_large"),
        (web.HTTPMethodNotAllowed("PUT", ["GET", "POST"]), 405, "bad_method"),
        (web.HTTPNotFound(), 404, "no_such_path"),
        (web.HTTPBadRequest(), 400, "bad_http"),
        (KafkaTimeoutError(), 503, "no_broker"),
        (NotReady("no_topic", "x"), 503, "no_topic"),
        (Refusal(418, "teapot", "x"), 418, "teapot"),
    ],
)
def test_an_error_has_a_status(error: Exception, status: int, code: str) -> None:
    refusal = refusal_of(error)
    assert refusal is not None
    assert (refusal.status, refusal.code) == (status, code)
    response = problem(refusal)
    assert response.content_type == "application/problem+json"


def test_a_defect_is_none() -> None:
    assert refusal_of(ZeroDivisionError()) is None
