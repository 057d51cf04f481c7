"""The adapters of a base model's genres: first the pooled one, then each genre's goes on from it.

Each is in the store as soon as it is made, so a run that is cut short goes on where it was.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

from genre_models.adapters import AdapterName, AdapterStore
from genre_models.adapters.name import POOLED
from genre_models.corpora.written import FOLDER
from genre_models.devices import has_bf16
from genre_models.taxonomy import Taxonomy
from genre_models.training.gate.controls import widened
from genre_models.training.loading import load_half
from genre_models.training.publishing import pack
from genre_models.training.recipe import Recipe
from genre_models.training.texts.pool import Pool
from genre_models.training.trainer import Check, fit
from schemas.errors import ModelError

log = logging.getLogger(__name__)

# Rank 4, since all adapters that come with GENRE may have 60 MB together. One epoch of at most so
# many texts, since all genres are trained within an hour on two cores with bf16. Going on from the
# pooled one, at 2e-3, beat beginning anew at 4e-3, one epoch of 80 pairs each: 3.07 to 3.10 nats
# for replies of a support desk, 3.49 to 3.51 for descriptions of products.
STARTER = Recipe(rank=4, alpha=8, epochs=1, texts=144, held_out=30, learning_rate=2e-3)
POOL = replace(STARTER, texts=1216, held_out=76)
# How many times slower a genre goes on where its epoch made the pooled adapter worse. Seven of 38
# genres did; at a quarter of the rate four of them gained 0.01 to 0.06 nats, and three nothing.
SLOWER = 4

Advance = Callable[[int, int], object]
"""Called with (how much is done, of how much)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Starter:
    """An adapter that lies in the store; `seconds` is None where it lay there before."""

    name: AdapterName
    seconds: float | None


def pools(
    genres: Sequence[str], cache: Path, *, device: str, pairs: Path = FOLDER
) -> dict[str, Pool]:
    """What to train on, the pooled one first; all genres of the taxonomy where none is named.

    Raises Rejected `unknown_genre`, and ModelError `no_corpus` where there is nothing of a genre
    that is named; others are left out.
    """
    taxonomy, bf16 = Taxonomy.load(), has_bf16(device)
    for genre in genres:
        taxonomy.family_of(genre)
    found = {POOLED: Pool.load(POOLED, replace(POOL, bf16=bf16), cache, pairs)}
    for genre in genres or taxonomy.genres:
        try:
            found[genre] = Pool.load(genre, replace(STARTER, bf16=bf16), cache, pairs)
        except ModelError as error:
            if genres or error.code != "no_corpus":
                raise
            log.warning("%s", error)
    return found


def train_starters(
    base: Path,
    store: AdapterStore,
    wanted: Mapping[str, Pool],
    *,
    threads: int,
    device: str,
    advance: Advance,
) -> Iterator[Starter]:
    """Make those that the same texts and recipe have not made before, in order; yields each.

    `wanted` begins with the pooled one. Raises ModelError as `load_half`.
    """
    there = {genre: _made_before(store, pool) for genre, pool in wanted.items()}
    todo = [genre for genre, name in there.items() if name is None]
    done, work = 0, sum(_work(wanted[genre]) for genre in todo)
    bench: _Bench | None = None
    for genre, pool in wanted.items():
        known = there[genre]
        if known is not None:
            yield Starter(name=known, seconds=None)
            continue
        log.info("training %s, %d of %d", genre, todo.index(genre) + 1, len(todo))
        begun = time.monotonic()
        bench = bench or _Bench(base, store, threads, device)
        parent = None if genre == POOLED else there[POOLED]
        name = there[genre] = bench.make(
            pool, parent, partial(_advance, advance, done, _work(pool), work)
        )
        done += _work(pool)
        yield Starter(name=name, seconds=time.monotonic() - begun)


def _advance(advance: Advance, before: int, share: int, total: int, check: Check) -> None:
    """Tell how far all trainings are."""
    advance(before + share * check.step // check.steps, total)


class _Bench:
    """The base model with one fresh adapter, which every training begins with again."""

    def __init__(self, base: Path, store: AdapterStore, threads: int, device: str) -> None:
        recipe = replace(STARTER, bf16=has_bf16(device))
        self._store = store
        self._tokenizer, self._half = load_half(base, recipe, threads=threads, device=device)
        self._fresh = self._half.weights()

    def make(
        self, pool: Pool, parent: AdapterName | None, told: Callable[[Check], None]
    ) -> AdapterName:
        """Train, and put the adapter into the store; `told` hears of every update."""
        start = widened(self._store.verified(parent), self._fresh) if parent else None
        half, recipe = self._half, pool.recipe
        half.load(self._fresh)
        training, held_out = (half.lower(each) for each in pool.examples(self._tokenizer))
        trained = fit(half, training, held_out, recipe, start=start, told=told)
        if trained.epochs == 0.0:
            half.load(self._fresh)
            slower = replace(recipe, learning_rate=recipe.learning_rate / SLOWER)
            trained = fit(half, training, held_out, slower, start=start)
        files = pack(
            pool.corpus,
            pool.family,
            trained,
            pool.recipe,
            self._store.base,
            parent=str(parent) if parent else None,
            command=f"genre starters train {'' if pool.genre == POOLED else pool.genre}".strip(),
        )
        return self._store.put(files)


def _made_before(store: AdapterStore, pool: Pool) -> AdapterName | None:
    return store.made_of(pool.genre, pool.corpus.digest, asdict(pool.recipe))


def _work(pool: Pool) -> int:
    """Of a training, in characters: genres differ in the length of their texts."""
    texts = pool.corpus.training
    return pool.recipe.epochs * sum(len(text.text) + len(text.request) for text in texts)
