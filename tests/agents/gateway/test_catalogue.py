"""What the gateway is told of genres and files: each tenant's own."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from agents.gateway.catalogue import RegistryCatalogue
from agents.genres.registry import Registry
from schemas.adapters import AdapterEvent
from streams.settings import Settings

EVENT = AdapterEvent(
    kind="published",
    name="haiku@0123456789ab",
    genre="haiku",
    family="verse",
    digest="0" * 64,
    base_fingerprint="1" * 64,
    tenant="acme",
    time=datetime(2026, 1, 1, tzinfo=UTC),
)


def test_a_tenant_sees_its_own_genres_and_everybodys() -> None:
    registry = Registry()
    catalogue = RegistryCatalogue(registry, Settings())
    registry.apply(EVENT.name, EVENT)
    registry.apply("x", replace(EVENT, name="joke@0123456789ab", genre="joke", tenant=None))
    names = {each["genre"]: each["adapters"] for each in catalogue.genres("acme")}
    assert names["haiku"] == [EVENT.name] and names["joke"] == ["joke@0123456789ab"]
    assert "haiku" not in {each["genre"] for each in catalogue.genres(None)}
    assert [each.genre for each in catalogue.adapters("other")] == ["joke"]


def test_a_file_is_read_as_train_reads_it(tmp_path: Path) -> None:
    file = tmp_path / "upload.csv"
    file.write_text("text,request\nOne.,a\n")
    assert list(RegistryCatalogue(Registry(), Settings()).texts(file)) == [("One.", "a", None)]
