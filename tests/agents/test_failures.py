"""What a client is told: the reason of a refusal, and of a defect only that there was one."""

from __future__ import annotations

import pytest

from agents.failures import failure_of
from schemas.errors import Rejected
from schemas.parts import Failure

OTHERWISE = Failure(code="plan_failed", message="The request could not be planned.")


def test_what_was_rejected_is_told_with_its_reason() -> None:
    told = failure_of(Rejected("unknown_style", "Expected a style, got 'x'."), OTHERWISE, "r1")
    assert told == Failure(code="unknown_style", message="Expected a style, got 'x'.")


def test_a_defect_is_told_to_the_log_alone(caplog: pytest.LogCaptureFixture) -> None:
    assert failure_of(KeyError("secret"), OTHERWISE, "r1") is OTHERWISE
    assert "r1" in caplog.text and "secret" in caplog.text
