"""What can be said of texts by nothing that has written or chosen them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from statistics import fmean
from typing import Any

import numpy as np

from benchmarks.genre_judge import of_genres
from benchmarks.texts.wanted import Wanted
from benchmarks.texts.writers import Shown
from genre_models.corpora.written.pairs import Pair
from genre_models.encoder import Encoder
from genre_models.evasions import echoes, placeholder, refuses
from genre_models.training.gate.samples import is_about

_MARK = re.compile(r"[.!?…。！？।][\"”’»)\]*_'」』）】》]*\s*\Z")  # noqa: RUF001  of many scripts
MARKED = 0.95  # share of a genre's written texts from which on every text should end with a mark
OPENING = 3  # words

Figures = dict[str, float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What is said of one text."""

    whole: bool
    about: bool
    of_genre: bool
    echo: bool
    refusal: bool
    placeholder: bool
    opening: str

    @property
    def empty(self) -> bool:
        """Whether it gives nothing that was asked for."""
        return self.echo or self.refusal or self.placeholder


@dataclass(frozen=True, slots=True, kw_only=True)
class Measures:
    """`marked` are the genres whose texts end with a mark: a headline does not."""

    encoder: Encoder
    judge: Any
    marked: frozenset[str]

    def of(self, wanted: Sequence[Wanted], shown: Sequence[Shown]) -> list[Said]:
        """What is said of each text; there must be one."""
        texts = [each.text for each in shown]
        about = self._are_about(wanted, texts)
        fit = of_genres(self.judge, texts, [each.genre for each in wanted])
        return [
            Said(
                whole=self._is_whole(each.genre, text),
                about=about[row] and bool(text.text),
                of_genre=fit[row],
                echo=echoes(each.request, text.text),
                refusal=refuses(text.text) or not text.text,
                placeholder=placeholder(each.request, text.text) is not None,
                opening=_opening(text.text),
            )
            for row, (each, text) in enumerate(zip(wanted, shown, strict=True))
        ]

    def _is_whole(self, genre: str, shown: Shown) -> bool:
        is_ended = genre not in self.marked or bool(_MARK.search(shown.text))
        return bool(shown.text) and is_ended and not shown.broken_off

    def _are_about(self, wanted: Sequence[Wanted], texts: Sequence[str]) -> list[bool]:
        requests = [(each.request, *each.others) for each in wanted]
        known = {request: row for row, request in enumerate(dict.fromkeys(chain(*requests)))}
        rows = np.array([[known[request] for request in each] for each in requests])
        embedded = self.encoder.encode(list(known))[rows]  # [texts, own and others, width]
        found = is_about(self.encoder.encode(texts), embedded[:, 0], embedded[:, 1:])
        return [bool(each) for each in found]


def marked(pairs: Mapping[str, Sequence[Pair]]) -> frozenset[str]:
    """The genres of which almost every written text ends with a mark."""
    return frozenset(
        genre
        for genre, known in pairs.items()
        if fmean(bool(_MARK.search(pair.text)) for pair in known) >= MARKED
    )


def shares(said: Sequence[Said]) -> Figures:
    """Of some texts, shares in [0, 1]."""
    names = ("whole", "about", "of_genre", "empty", "echo", "refusal", "placeholder")
    found: Figures = {name: fmean(getattr(each, name) for each in said) for name in names}
    return found | {"distinct_openings": len({each.opening for each in said}) / len(said)}


def _opening(text: str) -> str:
    return " ".join(re.findall(r"[\w'’]+", text.casefold())[:OPENING])  # noqa: RUF001
