from __future__ import annotations

from typing import Any

import pytest

from schemas.errors import InvalidEvent
from schemas.feedback import Feedback
from streams.wire.codecs import decode, encode


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"kind": "rating", "value": 7.0}, "bad_format"),
        ({"kind": "dwell", "value": -1.0}, "bad_format"),
        ({"kind": "like", "user_id": "u" * 10_000}, "too_long"),
    ],
)
def test_what_breaks_its_schema_is_refused_before_anybody_sees_it(
    fields: dict[str, Any], code: str
) -> None:
    event = {"user_id": "ada", "request_id": "r1", "candidate_id": "r1/0"} | fields
    with pytest.raises(InvalidEvent) as refused:
        decode(encode(event), Feedback)
    assert refused.value.code
