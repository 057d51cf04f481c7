"""What a genre's adapter is trained on, and the pooled one's: equal shares of many genres."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from genre_models.adapters.name import POOLED
from genre_models.corpora import EXTRACTORS, Corpus, Text, load_corpus
from genre_models.corpora.written import FOLDER, written
from genre_models.taxonomy.taxonomy import Taxonomy
from genre_models.training.recipe import Recipe
from genre_models.training.texts.examples import Example, make_examples
from schemas.errors import ModelError

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Pool:
    """The texts of one or more genres, cut to the number of texts that one recipe has."""

    genre: str
    corpora: Sequence[Corpus]
    recipe: Recipe

    @classmethod
    def load(cls, genre: str, recipe: Recipe, cache: Path, pairs: Path = FOLDER) -> Pool:
        """The texts of a genre, or of `pooled`: equal shares of the pairs of all genres.

        Raises ModelError `no_corpus` for a genre of which there is nothing to learn from, or
        nothing to judge by.
        """
        pool = cls._load(genre, recipe, cache, pairs)
        if not pool.corpus.held_out:
            raise ModelError(
                "no_corpus", f"expected texts of {genre} to judge by, got none in held_out/"
            )
        return pool

    @classmethod
    def _load(cls, genre: str, recipe: Recipe, cache: Path, pairs: Path) -> Pool:
        if genre != POOLED:
            corpus = texts_of(genre, cache, pairs)
            return cls(genre, [corpus.sample(recipe.texts, recipe.held_out)], recipe)
        corpora = [found for each in Taxonomy.load().genres if (found := _pairs(each, pairs))]
        if not corpora:
            raise ModelError("no_corpus", f"expected pairs in {pairs}, got none")
        share, checked = recipe.texts // len(corpora), recipe.held_out // len(corpora)
        return cls(genre, [corpus.sample(share, checked) for corpus in corpora], recipe)

    @property
    def corpus(self) -> Corpus:
        """All of it as one, for an adapter's lineage."""
        return joined(self.genre, self.corpora)

    @property
    def family(self) -> str:
        """The family of the genre; the pooled one has none but its own."""
        return POOLED if self.genre == POOLED else Taxonomy.load().family_of(self.genre)

    def examples(self, tokenizer: Any) -> tuple[list[Example], list[Example]]:
        """(training, held out), each text in its own genre's prompt."""
        asked = self.recipe.requests
        training = [
            self._made(tokenizer, each.genre, each.training * asked) for each in self.corpora
        ]
        held_out = [self._made(tokenizer, each.genre, each.held_out) for each in self.corpora]
        return list(chain.from_iterable(training)), list(chain.from_iterable(held_out))

    def _made(self, tokenizer: Any, genre: str, texts: Sequence[Text]) -> list[Example]:
        return make_examples(
            tokenizer, Taxonomy.load().genres[genre].instruction, texts, self.recipe.seed
        )


def texts_of(genre: str, cache: Path, pairs: Path = FOLDER) -> Corpus:
    """The pairs of a genre, and after them the corpus whose adapters may be given on.

    The corpus is fetched into `cache` where it is not there; where that fails the pairs are enough.
    Raises ModelError `no_corpus` for a genre that has neither, and what fetching raises for one
    without pairs.
    """
    found = list(_parts(genre, cache, pairs))
    if not found:
        raise ModelError(
            "no_corpus",
            f"expected a genre with pairs or a free corpus, got {genre!r}, which has neither",
        )
    return joined(genre, found)


def joined(genre: str, corpora: Sequence[Corpus]) -> Corpus:
    """Several corpora as the one of `genre`, their texts in order."""
    return Corpus(
        genre=genre,
        licence="; ".join(sorted({each.licence for each in corpora})),
        training=tuple(chain.from_iterable(each.training for each in corpora)),
        held_out=tuple(chain.from_iterable(each.held_out for each in corpora)),
    )


def _parts(genre: str, cache: Path, pairs: Path) -> Iterator[Corpus]:
    own = _pairs(genre, pairs)
    if own is not None:
        yield own
    if genre not in EXTRACTORS or not EXTRACTORS[genre].free:
        return
    try:
        yield load_corpus(genre, cache)
    except ModelError as error:
        if own is None:
            raise
        log.warning("%s is trained on its pairs alone: %s", genre, error)


def _pairs(genre: str, pairs: Path) -> Corpus | None:
    return written(genre, Taxonomy.load().family_of(genre), pairs)
