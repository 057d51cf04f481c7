"""`genre up` ends when one of its roles cannot be kept alive, and says why."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from agents.commands import up
from schemas.errors import NotReady
from streams.settings import Settings
from streams.wire.roles import ROLES


class Supervisor:
    """One whose workers start, and one of which is given up."""

    log: list[str]

    def __init__(self, settings: Settings, *, logs: Path) -> None:
        Supervisor.log = []

    async def __aenter__(self) -> Supervisor:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.log.append("all stopped")

    def start(self, role: str) -> None:
        """Note it."""
        self.log.append(role)

    async def ready(self) -> None:
        """At once."""

    def watch(self) -> None:
        """Nobody."""

    async def until_given_up(self) -> None:
        """As when a worker ends again and again."""
        raise NotReady("worker_failed", "generate ended with 1: out of memory")


async def test_without_one_of_its_roles_it_is_not_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @asynccontextmanager
    async def broker(settings: Settings) -> AsyncIterator[Any]:
        yield SimpleNamespace(settings=settings)

    async def create(settings: Settings) -> None:
        pass

    monkeypatch.setattr(up, "embedded_broker", broker)
    monkeypatch.setattr(up, "create", create)
    monkeypatch.setattr(up, "Supervisor", Supervisor)
    with pytest.raises(NotReady, match="generate ended with 1: out of memory"):
        await up._up(Settings(state=tmp_path), demo=False)
    assert Supervisor.log == [*ROLES, "all stopped"]
    assert not (tmp_path / "up.json").exists()
