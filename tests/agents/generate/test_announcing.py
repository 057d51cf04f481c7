"""Adapters of a worker's own store are announced, each new genre with a salt of its own."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import msgspec

from agents.generate.announcing import announce
from agents.genres.registry import Registry
from genre_models.adapters import AdapterStore, BaseSpec
from genre_models.adapters.card import About, read_card
from genre_models.adapters.files import CARD
from genre_models.taxonomy.codes import NEAR, SALT, code, nearness
from genre_models.training.texts.store import TextStore
from schemas.adapters import AdapterEvent
from tests.genre_models.tiny import make_adapter

BASE = BaseSpec(fingerprint="a" * 64, layers=2, hidden=48, intermediate=64, query=48, key_value=16)
ALIKE = ("cover_letter", "lullaby")  # no shipped genre's code is near theirs, but each other's is


def store_of(folder: Path, *genres: str) -> AdapterStore:
    store = AdapterStore(folder / "store", BASE)
    for genre in genres:
        made = make_adapter(folder / genre, BASE, genre)
        card = read_card((made / CARD).read_bytes())
        about = About(description=f"A {genre}.", instruction=f"Write a {genre}.")
        (made / CARD).write_bytes(msgspec.json.encode(replace(card, about=about)))
        store.add(made)
    return store


async def test_genres_that_are_announced_together_stay_apart(tmp_path: Path) -> None:
    assert nearness(*(code(genre, SALT) for genre in ALIKE)) > NEAR
    said: list[AdapterEvent] = []

    async def publish(event: object) -> None:
        assert isinstance(event, AdapterEvent)
        said.append(event)

    registry = Registry()
    store = store_of(tmp_path, *ALIKE)
    await announce(publish, store, registry)
    assert [event.genre for event in said] == list(ALIKE)
    assert nearness(*(code(event.genre, event.salt or 0) for event in said)) < NEAR
    await announce(publish, store, registry)
    assert len(said) == len(ALIKE)


async def test_an_adapter_that_a_kill_kept_from_being_published_says_who_left_since(
    tmp_path: Path,
) -> None:
    said: list[AdapterEvent] = []

    async def publish(event: object) -> None:
        assert isinstance(event, AdapterEvent)
        said.append(event)

    store, texts = store_of(tmp_path, ALIKE[0]), TextStore(tmp_path / "sent")
    texts.attribute(str(store.names()[0]), {"ada"}, 1.0)
    texts.disown("ada")
    await announce(publish, store, Registry(), texts.left)
    assert [event.erased for event in said] == [1]


async def test_the_newest_pooled_adapter_is_announced_though_it_is_of_no_genre(
    tmp_path: Path,
) -> None:
    store, said = AdapterStore(tmp_path / "store", BASE), list[str]()
    names = [store.add(make_adapter(tmp_path / str(seed), BASE, "pooled", seed)) for seed in (1, 2)]
    for age, name in enumerate(names):
        os.utime(store.path(name), ns=(2**60 + age, 2**60 + age))

    async def publish(event: object) -> None:
        assert isinstance(event, AdapterEvent)
        said.append(event.name)

    await announce(publish, store, Registry())
    assert said == [str(names[1])]
