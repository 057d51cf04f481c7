"""The registry: which adapters and genres a tenant may use now."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.genres.registry import Registry, announcement
from genre_models.adapters import Adapter, AdapterName
from genre_models.adapters.card import AdapterCard
from genre_models.adapters.card import Lineage as CardLineage
from genre_models.planner import Wish, possible_arms
from genre_models.preferences.features import arm_features
from genre_models.sampling import USUAL
from genre_models.taxonomy import Taxonomy
from genre_models.taxonomy.codes import NEAR, SALT, allot, code, nearness
from schemas.adapters import AdapterEvent
from schemas.parts import SamplingParameters

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


def announced(known: Registry, genre: str, tenant: str | None = None) -> AdapterEvent:
    """The announcement of some adapter of a genre."""
    card = AdapterCard(
        genre=genre,
        family="verse",
        base="a" * 64,
        lineage=CardLineage(data="0" * 64),
        metrics={},
        licence="CC0-1.0",
        tenant=tenant,
    )
    name = AdapterName.parse(f"{genre}@ffffffffffff")
    adapter = Adapter(name=name, digest="f" * 64, card=card, rank=8, scaling=1.0, tensors={})
    return announcement(adapter, known)


def test_a_new_genre_is_given_a_salt_that_keeps_it_apart() -> None:
    shipped = Taxonomy.load().genres.values()
    given = announced(Registry(), "haiku").salt
    assert given is not None and given != SALT
    assert max(nearness(code("haiku", given), code(one.id, one.salt)) for one in shipped) < NEAR
    assert announced(Registry(), "joke").salt == Taxonomy.load().genres["joke"].salt


def test_a_genre_keeps_its_salt_in_every_tenant_and_when_its_adapters_are_withdrawn() -> None:
    salted = replace(HAIKU, salt=4040, tenant="acme")
    known = registry(salted)
    assert known.taxonomy("acme").genres["haiku"].salt == 4040
    assert announced(known, "haiku").salt == announced(known, "haiku", "other").salt == 4040
    known.apply(HAIKU.name, replace(salted, kind="withdrawn"))
    assert announced(known, "haiku").salt == known.salt("haiku") == 4040
    assert known.salt("limerick") == SALT


def test_an_event_of_an_older_release_has_the_salt_that_all_genres_had() -> None:
    known = registry(HAIKU)
    assert known.taxonomy().genres["haiku"].salt == announced(known, "haiku").salt == SALT


def test_of_two_salts_the_larger_counts_in_whatever_order_they_come() -> None:
    events = [
        HAIKU,
        replace(HAIKU, name="haiku@000000000001", salt=4029, time=NOW - timedelta(hours=1)),
        replace(HAIKU, name="haiku@000000000002", salt=4031),
    ]
    for order in itertools.permutations(events):
        known = registry(*order)
        assert known.taxonomy().genres["haiku"].salt == known.salt("haiku") == 4031


def test_a_genre_that_is_shipped_later_keeps_the_salt_that_it_was_given() -> None:
    haiku = registry(HAIKU).taxonomy().genres["haiku"]
    known = Registry(Taxonomy.load().with_genre(replace(haiku, salt=4029)))
    assert known.taxonomy().genres["haiku"].salt == 4029
    known.apply(HAIKU.name, replace(HAIKU, salt=4040, kind="withdrawn"))
    assert known.taxonomy().genres["haiku"].salt == known.taxonomy("acme").genres["haiku"].salt
    assert known.taxonomy().genres["haiku"].salt == announced(known, "haiku").salt == 4040


NEW = st.sampled_from(["haiku", "limerick", "fable", "recipe", "essay"])
COMING = st.lists(st.tuples(NEW, st.none() | st.integers(0, 9999), st.booleans()), max_size=6)


@given(st.sampled_from(sorted(Taxonomy.load().genres)), COMING)
def test_features_of_a_shipped_genre_are_the_same_whatever_other_genres_exist(
    genre: str, coming: list[tuple[str, int | None, bool]]
) -> None:
    known = Registry()
    for number, (name, salt, is_gone) in enumerate(coming):
        event = replace(
            HAIKU,
            genre=name,
            name=f"{name}@{number:012x}",
            salt=salt,
            kind="withdrawn" if is_gone else "published",
        )
        known.apply(event.name, event)
    wish = Wish(classified=(), genre=genre)
    alone, among = (
        [arm_features(arm).tobytes() for arm in possible_arms(wish, taxonomy.genres, {})]
        for taxonomy in (Taxonomy.load(), known.taxonomy())
    )
    assert alone == among
    salts = {one.id: one.salt for one in Taxonomy.load().genres.values()}
    assert allot(genre, known.salts()) == salts[genre]


def test_of_tenants_without_adapters_nothing_is_kept() -> None:
    known = registry(HAIKU, replace(HAIKU, name="haiku@ffffffffffff", tenant="acme"))
    for number in range(100):
        assert known.taxonomy(f"invented-{number}") is known.taxonomy()
        assert known.of_genre("haiku", f"invented-{number}") == (HAIKU.name,)
    assert known._taxonomies.keys() == known._before.keys() == {None}
    assert known.of_genre("haiku", "acme") == ("haiku@ffffffffffff", HAIKU.name)
    known.apply("haiku@ffffffffffff", None)
    assert known.of_genre("haiku", "acme") == (HAIKU.name,) and known.home("acme") is None


def test_a_genre_is_as_long_as_its_event_says_or_as_usual() -> None:
    short = SamplingParameters(usual_tokens=20, max_tokens=40)
    said = registry(replace(HAIKU, sampling=short)).taxonomy().genres["haiku"]
    assert said.sampling == short
    assert registry(HAIKU).taxonomy().genres["haiku"].sampling == USUAL


def test_adapters_of_another_base_are_not_offered_and_their_genre_stays() -> None:
    known = Registry(FIRST, base="b" * 64)
    known.apply(HAIKU.name, HAIKU)
    assert known.of_genre("haiku") == () and "haiku" in known.taxonomy()
    ours = replace(HAIKU, name="haiku@bbbbbbbbbbbb", base_fingerprint="b" * 64)
    known.apply(ours.name, ours)
    assert known.of_genre("haiku") == (ours.name,)
    assert set(registry(HAIKU, ours).of_genre("haiku")) == {HAIKU.name, ours.name}
    assert known.knows(HAIKU.name)  # its texts are still learned from, and it can be withdrawn


def test_the_pooled_adapter_writes_genres_without_one_and_is_no_genre_itself() -> None:
    own = replace(HAIKU, name="joke@0123456789ab", genre="joke")
    older = replace(HAIKU, name="pooled@0123456789ab", genre="pooled", description="")
    newer = replace(older, name="pooled@ffffffffffff", time=NOW + timedelta(hours=1))
    known = registry(older, newer)
    assert known.writers("joke") == known.writers("joke", "acme") == (newer.name,)
    assert set(known.taxonomy().genres) == {"joke"}
    known.apply(own.name, own)
    assert known.writers("joke") == (own.name,)
    assert registry().writers("joke") == ()
