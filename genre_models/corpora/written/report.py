"""What a reader of a genre's pairs should look at: what repeats, what is long, what is unfinished.

A count says where to read, not what is wrong: letters may well begin alike.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import mean

from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

from genre_models.corpora.corpus import Corpus
from genre_models.corpora.duplicates import dissimilar
from genre_models.corpora.text import Text
from genre_models.evasions import placeholder

SIMILAR = 0.25  # Jaccard; of texts that people wrote about different things, none comes near
OPENING, FRAME, PHRASE = 2, 6, 4  # words
# Share of a genre's texts, and number of texts, from which on something repeats. Phrases and frames
# are longer than openings, and so rarer by chance.
OFTEN, LEAST = 0.04, 3
SHOWN = 6  # of each kind, the most frequent first
TOKENS = 1.1  # of the packaged model, for each word or mark


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Numbers of pairs, pieces (words and marks) of texts, and what repeats with how often.

    `too_long`, `near_duplicates` and `placeholders` are beginnings of texts.
    """

    genre: str
    training: int
    held_out: int
    mean: float
    longest: int
    too_long: tuple[str, ...]
    near_duplicates: tuple[str, ...]
    placeholders: tuple[str, ...]
    repeated: dict[str, tuple[tuple[str, int], ...]]

    def lines(self) -> Iterator[str]:
        """For people."""
        yield (
            f"{self.genre}: {self.training} pairs, {self.held_out} held out; "
            f"{self.mean:.0f} words and marks a text, at most {self.longest}"
        )
        for name in ("too_long", "near_duplicates", "placeholders"):
            for begin in getattr(self, name):
                yield f"    {name.replace('_', ' ')}: {begin}"
        for name, found in self.repeated.items():
            if found:
                yield f"    {name}: " + ", ".join(f"{what!r} {count}x" for what, count in found)


def report(corpus: Corpus, most: int | None = None) -> Report:
    """Look at the pairs of one genre, whose texts should have at most `most` words and marks."""
    texts = (*corpus.training, *corpus.held_out)
    lengths = [pieces(text.text) for text in texts]
    kept = {id(text) for text in dissimilar(texts, SIMILAR)}
    return Report(
        genre=corpus.genre,
        training=len(corpus.training),
        held_out=len(corpus.held_out),
        mean=mean(lengths),
        longest=max(lengths),
        too_long=_begun(
            text
            for text, length in zip(texts, lengths, strict=True)
            if most is not None and length > most
        ),
        near_duplicates=_begun(text for text in texts if id(text) not in kept),
        placeholders=_begun(text for text in texts if placeholder(text.request, text.text)),
        repeated=_repeated([text.text for text in texts], "texts")
        | _repeated([text.request for text in texts], "requests"),
    )


def pieces(text: str) -> int:
    """Words and marks, each of them about `TOKENS` tokens."""
    return len(re.findall(r"\w+|[^\w\s]", text))


def _repeated(texts: Sequence[str], of: str) -> dict[str, tuple[tuple[str, int], ...]]:
    words = [re.findall(r"[\w'\u2019]+", text.casefold()) for text in texts]
    return {
        f"openings of {of}": _often(({" ".join(each[:OPENING])} for each in words), len(texts)),
        f"frames of {of}": _often(({_frame(each)} for each in words), len(texts)),
        f"phrases in {of}": _often((_phrases(each) for each in words), len(texts)),
    }


def _often(found: Iterable[set[str]], texts: int) -> tuple[tuple[str, int], ...]:
    counts = Counter(each for of_text in found for each in of_text if each.strip("_ "))
    least = max(LEAST, OFTEN * texts)
    return tuple((what, count) for what, count in counts.most_common(SHOWN) if count >= least)


def _frame(words: Sequence[str]) -> str:
    """How a text begins, whatever it is about."""
    return " ".join(word if word in ENGLISH_STOP_WORDS else "_" for word in words[:FRAME])


def _phrases(words: Sequence[str]) -> set[str]:
    return {" ".join(words[at : at + PHRASE]) for at in range(len(words) - PHRASE + 1)}


def _begun(texts: Iterable[Text]) -> tuple[str, ...]:
    return tuple(" ".join(text.text.split())[:70] for text in texts)
