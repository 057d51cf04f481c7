"""The registry: which adapters and genres a tenant may use now."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from agents.genres.registry import Registry
from genre_models.taxonomy import Taxonomy
from schemas.adapters import AdapterEvent

# Whatever genres come with GENRE one day, haiku is a new one here.
FIRST = Taxonomy([Taxonomy.load().genres["joke"]])
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
HAIKU = AdapterEvent(
    kind="published",
    name="haiku@0123456789ab",
    genre="haiku",
    family="verse",
    digest="0123456789ab" + "0" * 52,
    base_fingerprint="a" * 64,
    description="Three lines.",
    instruction="Write one haiku.",
    requests=("a haiku about autumn", "three lines on snow"),
    texts=("An old silent pond",),
    time=NOW,
)


def registry(*events: AdapterEvent) -> Registry:
    known = Registry(FIRST)
    for event in events:
        known.apply(event.name, event)
    return known


def test_a_genre_comes_with_its_adapter_and_goes_with_its_last_one() -> None:
    known = registry(HAIKU)
    genre = known.taxonomy().genres["haiku"]
    assert (genre.family, genre.instruction, genre.requests) == (
        "verse",
        "Write one haiku.",
        HAIKU.requests,
    )
    known.apply(HAIKU.name, replace(HAIKU, kind="withdrawn"))
    assert "haiku" not in known.taxonomy()
    assert known.of_genre("haiku") == ()
    assert known.knows(HAIKU.name)
    assert known.newest(HAIKU.name) is not None


def test_versions_are_newest_first_and_a_withdrawn_one_is_gone() -> None:
    second = replace(HAIKU, name="haiku@ffffffffffff", time=NOW + timedelta(hours=1))
    known = registry(second, HAIKU)
    assert known.of_genre("haiku") == (second.name, HAIKU.name)
    known.apply(second.name, replace(second, kind="withdrawn"))
    assert known.of_genre("haiku") == (HAIKU.name,)


def test_what_a_tenant_trained_is_that_tenants_alone() -> None:
    known = registry(replace(HAIKU, tenant="acme"))
    assert known.of_genre("haiku", "acme") == (HAIKU.name,)
    assert known.of_genre("haiku") == known.of_genre("haiku", "other") == ()
    assert "haiku" in known.taxonomy("acme")
    assert "haiku" not in known.taxonomy() and "haiku" not in known.taxonomy("other")


def test_nothing_is_learned_again_while_the_genres_stay() -> None:
    joke = replace(HAIKU, genre="joke", family="humour", name="joke@0123456789ab")
    known = registry(joke)
    assert known.taxonomy() is FIRST is known.taxonomy("acme")
    known.apply(HAIKU.name, HAIKU)
    grown = known.taxonomy()
    known.apply(HAIKU.name, replace(HAIKU, erased=1))
    assert known.taxonomy() is grown


@pytest.mark.parametrize(
    "change", [{"family": "Not A Family"}, {"requests": (" ", "")}, {"description": " "}]
)
def test_an_event_that_describes_nothing_useful_stops_nobody(change: dict[str, object]) -> None:
    known = Registry()
    known.apply(HAIKU.name, replace(HAIKU, **change))  # type: ignore[arg-type]
    assert len(known.taxonomy().genres) >= len(Taxonomy.load().genres)
