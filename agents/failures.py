"""Why a request gets no texts, in the words that its client reads."""

from __future__ import annotations

import logging
from datetime import datetime

from genre_models.preferences.row import DECISIONS
from schemas.errors import Rejected
from schemas.parts import Failure

log = logging.getLogger(__name__)

# `NOT_THE_LAST` in streams/wire/topics.py names their codes; no decision is kept of them.
TOO_MANY_OPEN = Failure(
    code="too_many_open",
    message=(
        f"Expected at most {DECISIONS} unanswered requests of one user, got more; ask again later."
    ),
)
OVER_QUOTA = Failure(
    code="over_quota",
    message="Expected fewer bytes of prompts of one user in a minute; ask again in a minute.",
)


def failure_of(error: Exception, otherwise: Failure, request_id: str) -> Failure:
    """What an error means for its request: what was rejected is told with its reason.

    Anything else is a defect: the client is told `otherwise`, the log what it was.
    """
    if isinstance(error, Rejected):
        return Failure(code=error.code, message=error.message)
    log.error("request %s: %s", request_id, otherwise.message, exc_info=error)
    return otherwise


def expired(deadline: datetime, passed: str = "has passed") -> Failure:
    """The failure of a request that is past its deadline; `passed` says how far it had come."""
    return Failure(code="expired", message=f"The deadline {deadline.isoformat()} {passed}.")
