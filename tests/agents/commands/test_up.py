"""`genre up` ends when one of its roles cannot be kept alive, and says why."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

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

    def beside(self, *command: str) -> Path:
        """Note it."""
        self.log.append(" ".join(command))
        return Path("beside.log")

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
        await up._up(Settings(state=tmp_path), demo=False, tune=False)
    assert Supervisor.log == [*ROLES, "all stopped"]
    assert not (tmp_path / "up.json").exists()


class Ready(Supervisor):
    """One whose workers are all well."""

    def __init__(self) -> None:
        Supervisor.log = []


@pytest.mark.parametrize("tune", [True, False])
async def test_second_opinions_are_tuned_beside_the_roles(
    tune: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, stopped = Console(file=StringIO(), width=200), asyncio.Event()
    stopped.set()
    monkeypatch.setattr(up, "out", out)
    monkeypatch.setattr(up, "missing", lambda *_: None)
    monkeypatch.setattr(up, "own_store", lambda _: None)
    await up._work(Ready(), Settings(), False, tune, 0.0, stopped)  # type: ignore[arg-type]
    assert Supervisor.log == [*ROLES, *["safety tune"] * tune]
    assert ("beside.log" in out.file.getvalue()) == tune  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("is_terminal", "has_desktop"), [(True, True), (True, False), (False, True)]
)
async def test_at_the_end_it_tells_of_the_page_and_opens_it_where_somebody_watches(
    is_terminal: bool, has_desktop: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    out, stopped = (
        Console(file=StringIO(), force_terminal=is_terminal, highlight=False, width=200),
        asyncio.Event(),
    )
    stopped.set()
    monkeypatch.setattr(up, "out", out)
    monkeypatch.setattr(up, "missing", lambda *_: None)
    monkeypatch.setattr(up, "own_store", lambda _: None)
    monkeypatch.setattr(up, "has_desktop", lambda: has_desktop)
    monkeypatch.setattr("webbrowser.open", opened.append)
    settings = Settings(gateway_port=8123)
    await up._work(Ready(), settings, False, False, 0.0, stopped)  # type: ignore[arg-type]
    page = "http://127.0.0.1:8123/"
    assert f"The page: {page} " in out.file.getvalue().splitlines()[-1]  # type: ignore[attr-defined]
    assert opened == ([page] if is_terminal and has_desktop else [])


@pytest.mark.parametrize("fitted", [True, False])
def test_what_is_not_fitted_is_fitted_before_the_roles_are_waited_for(
    fitted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []

    async def started(_: Settings, demo: bool, tune: bool) -> None:
        assert tune and not demo
        done.append("started")

    monkeypatch.setattr(up, "is_fitted", lambda _: fitted)
    monkeypatch.setattr(up, "is_tuned", lambda _: False)
    monkeypatch.setattr(up, "fit", lambda _: done.append("fitted"))
    monkeypatch.setattr(up, "_up", started)
    up.up(demo=False, partitions=1)
    assert done == (["started"] if fitted else ["fitted", "started"])
