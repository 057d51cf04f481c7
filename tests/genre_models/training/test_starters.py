"""Starters of a tiny base: each in the store once it is made, a run that is cut short goes on."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from genre_models.adapters import AdapterStore, BaseSpec
from genre_models.training import starters
from genre_models.training.recipe import Recipe
from genre_models.training.starters import POOL, SLOWER, STARTER, Starter, pools, train_starters
from genre_models.training.trainer import Trained, fit
from schemas.errors import GenreError, ModelError
from tests.genre_models.corpora.written.test_pairs import write
from tests.genre_models.training.conftest import lines

GENRES = ("sms", "headline")


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """Pairs of two genres."""
    for seed, genre in enumerate(GENRES):
        for place, number in (("", 12), ("held_out", 4)):
            texts = lines(number, seed + len(place))
            file = tmp_path / "pairs" / place / f"{genre}.jsonl"
            write(file, *((f"about the {text.split()[1]}", text) for text in texts))
    return tmp_path / "pairs"


def make(
    base: Path, store: AdapterStore, pairs: Path, *genres: str, told: list[tuple[int, int]]
) -> Generator[Starter, None, None]:
    wanted = pools(genres, pairs, device="cpu", pairs=pairs)
    yield from train_starters(
        base,
        store,
        wanted,
        threads=1,
        device="cpu",
        advance=lambda done, total: told.append((done, total)),
    )


def test_a_run_that_is_cut_short_goes_on_and_what_is_made_stays(
    base: Path, pairs: Path, tmp_path: Path
) -> None:
    store = AdapterStore(tmp_path / "store", BaseSpec.load(base))
    first = make(base, store, pairs, *GENRES, told=[])
    pooled = next(first)
    assert pooled.name.genre == "pooled" and store.names() == [pooled.name]
    first.close()  # cut short
    told: list[tuple[int, int]] = []
    again = list(make(base, store, pairs, *GENRES, told=told))
    assert [each.name.genre for each in again] == ["pooled", *GENRES]
    assert [each.seconds is None for each in again] == [True, False, False]
    assert told == sorted(told) and told[-1][0] == told[-1][1]  # how far it is, to the end
    assert sorted(path.name for path in store.root.iterdir()) == sorted(map(str, store.names()))
    sms = store.verified(again[1].name)
    assert (sms.rank, sms.card.lineage.parent) == (STARTER.rank, str(pooled.name))
    assert sms.card.command == "genre starters train sms"
    assert all(each.seconds is None for each in make(base, store, pairs, *GENRES, told=[]))


def test_other_texts_make_another_adapter_of_their_genre_alone(
    base: Path, pairs: Path, tmp_path: Path
) -> None:
    store = AdapterStore(tmp_path / "store", BaseSpec.load(base))
    list(make(base, store, pairs, *GENRES, told=[]))
    with (pairs / "sms.jsonl").open("a") as file:
        file.write('{"request": "late", "text": "The old frog is late."}\n')
    again = {each.name.genre: each.seconds for each in make(base, store, pairs, *GENRES, told=[])}
    assert again["sms"] is not None and again["headline"] is None


def test_a_genre_without_texts_is_left_out_unless_it_is_named(
    pairs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing(genre: str, _cache: Path) -> None:
        raise ModelError("no_corpus", f"expected texts, got none of {genre}")

    monkeypatch.setattr("genre_models.training.texts.pool.load_corpus", nothing)
    assert set(pools((), pairs, device="cpu", pairs=pairs)) == {"pooled", *GENRES}
    with pytest.raises(ModelError, match="tweet"):
        pools(("tweet",), pairs, device="cpu", pairs=pairs)
    with pytest.raises(GenreError, match="no_such"):
        pools(("no_such",), pairs, device="cpu", pairs=pairs)


def test_one_shape_serves_all_so_that_genres_go_on_from_the_pool() -> None:
    for number in ("rank", "alpha", "top_layers"):
        assert getattr(POOL, number) == getattr(STARTER, number)
    # `genre train` may go on from them
    assert STARTER.alpha / STARTER.rank == Recipe().alpha / Recipe().rank


def test_what_an_epoch_makes_worse_goes_on_slower(
    base: Path, pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates: list[float] = []

    def in_vain(*given: Any, **options: Any) -> Trained:
        rates.append(given[3].learning_rate)
        return replace(fit(*given, **options), epochs=0.0 if len(rates) == 2 else 1.0)

    monkeypatch.setattr(starters, "fit", in_vain)
    store = AdapterStore(tmp_path / "store", BaseSpec.load(base))
    list(make(base, store, pairs, "sms", told=[]))
    assert rates == [POOL.learning_rate, STARTER.learning_rate, STARTER.learning_rate / SLOWER]
