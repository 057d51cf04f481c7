"""Places for those who wait: so many in all, so many a key, and given back whatever happens."""

from __future__ import annotations

import pytest

from streams.gateway.keys import Caller, Key
from streams.gateway.problems import Refusal
from tests.streams.gateway.conftest import Door


async def test_a_key_has_so_many_places(door: Door) -> None:
    caller = Caller("web", Key(salt="0" * 32, digest="0" * 64, streams=1))
    with door.backend.slot(caller), pytest.raises(Refusal) as caught, door.backend.slot(caller):
        pass
    assert caught.value.status == 429
    with pytest.raises(ZeroDivisionError), door.backend.slot(caller):
        raise ZeroDivisionError
    assert (door.backend.open, caller.open) == (0, 0)
