"""What one genre's adapter is trained on, and the pooled control: equal shares of many genres."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from genre_models.corpora import EXTRACTORS, Corpus, Text, load_corpus
from genre_models.taxonomy.taxonomy import Taxonomy
from genre_models.training.gate.controls import POOLED
from genre_models.training.recipe import Recipe
from genre_models.training.texts.examples import Example, make_examples


@dataclass(frozen=True, slots=True)
class Pool:
    """The corpora of one or more genres, cut to the number of texts that one genre's recipe has."""

    corpora: Sequence[Corpus]
    recipe: Recipe

    @classmethod
    def load(cls, genre: str, recipe: Recipe, cache: Path) -> Pool:
        """The corpus of a genre, or of `pooled`.

        `pooled` names equal shares of all genres whose licences let adapters be passed on.
        Raises ModelError `no_corpus`.
        """
        genres = (
            [name for name, each in EXTRACTORS.items() if each.free] if genre == POOLED else [genre]
        )
        share, checked = recipe.texts // len(genres), recipe.held_out // len(genres)
        return cls([load_corpus(name, cache).sample(share, checked) for name in genres], recipe)

    @property
    def corpus(self) -> Corpus:
        """All of it as one, for an adapter's lineage."""
        if len(self.corpora) == 1:
            return self.corpora[0]
        return Corpus(
            genre=POOLED,
            licence="; ".join(sorted({each.licence for each in self.corpora})),
            training=tuple(chain.from_iterable(each.training for each in self.corpora)),
            held_out=tuple(chain.from_iterable(each.held_out for each in self.corpora)),
        )

    @property
    def family(self) -> str:
        """The family of the genre; the pooled control has none but its own."""
        return POOLED if len(self.corpora) > 1 else Taxonomy.load().family_of(self.corpora[0].genre)

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
