"""Parameters of paths and queries are held to the schemas."""

from __future__ import annotations

import pytest

from schemas.errors import InvalidEvent
from schemas.fields import Genre, UserId
from streams.gateway.bodies import valid


def test_a_parameter_is_a_field_of_the_schemas() -> None:
    assert valid("ada", UserId, "user_id") == "ada"
    for value, kind in (("a/b", UserId), ("", UserId), ("A B", Genre), ("..", UserId)):
        with pytest.raises(InvalidEvent, match="`there`") as caught:
            valid(value, kind, "there")
        assert caught.value.code == "bad_parameter"
