"""What the recommend role is built of."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from agents.genres.registry import Registry
from agents.recommend.role import _owned, build, incarnation_of
from streams.settings import Settings
from tests.agents.genres.test_registry import HAIKU
from tests.genre_models.tiny import make_base


async def test_offsets_of_another_cluster_or_prefix_mean_nothing_here(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cluster = iter("aab")

    async def named(_settings: Settings) -> str:
        return next(cluster)

    monkeypatch.setattr("agents.recommend.role.cluster_id", named)
    here, there = Settings(prefix="genre."), Settings(prefix="acme.")
    assert len({await incarnation_of(given) for given in (here, there, here)}) == 3


async def test_a_run_of_the_embedded_broker_is_an_incarnation_of_its_own() -> None:
    runs = [Settings(incarnation=run) for run in ("one", "one", "two")]
    one, again, two = [await incarnation_of(given) for given in runs]
    assert one == again != two


async def test_nobody_is_served_before_the_tables_are_recovered() -> None:
    assert _owned(build(Settings(store="memory://"))) == frozenset()


async def test_adapters_of_another_base_are_not_planned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base, made = make_base(tmp_path / "base-mine"), list[Registry]()

    def making(*, base: str | None) -> Registry:
        made.append(Registry(base=base))
        return made[0]

    monkeypatch.setattr("agents.recommend.role.Registry", making)
    build(Settings(store="memory://", models=tmp_path, base=str(tmp_path / "base-mine")))
    (known,) = made
    known.apply(HAIKU.name, HAIKU)
    assert known.of_genre("haiku") == ()
    known.apply(HAIKU.name, replace(HAIKU, base_fingerprint=base.fingerprint))
    assert known.of_genre("haiku") == (HAIKU.name,)
