"""Requests that were written to tell harm from what only looks like it.

`requests/AUTHOR/CATEGORY.jsonl` are learned from (`ordinary` are such as nobody would decline,
also of what GENRE does not write), `foreign/AUTHOR/CATEGORY.jsonl` are in other languages; those of
`held_out/AUTHOR`, who saw none of the others, never are. Nothing sexual about minors is written:
rules hold that. No harmful text is learned from; ordinary texts come from the pairs that adapters
are trained on.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from genre_models.classification.written import learned
from genre_models.classification.written.requests import ENGLISH
from genre_models.corpora.written.pairs import FOLDER as PAIRS
from genre_models.corpora.written.pairs import read_pairs
from genre_models.safety.letters import plain
from genre_models.safety.reading import words_of
from schemas.errors import InvalidEvent

FOLDER = Path(__file__).with_name("requests")
FOREIGN = Path(__file__).with_name("foreign")
HELD_OUT = Path(__file__).with_name("held_out")
ORDINARY = "ordinary"
"""The category of requests that nobody would take for harmful."""
_BESIDE = 10  # every so-manieth request in English: a third of those of 17 authors did no better
_LANGUAGES = "languages"
_APART = 3  # one genre in so many: texts of these are not learned from
_TEXTS = 4  # one text in so many of the others is; every second of those, where long, is cut
_BEGINNING = 200  # characters: about as much as a piece of a text that streams is judged with


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A request, what it is about, who wrote it, and whether it is harmful or looks so.

    `language` is an ISO 639 code.
    """

    text: str
    category: str
    author: str
    is_harmful: bool
    language: str = ENGLISH


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """The same request about somebody else: what is `changed`, and the genre of both."""

    one: str
    other: str
    genre: str
    changed: str


@lru_cache(1)
def learned_from() -> tuple[Example, ...]:
    """Everything that the score is fitted on, in a fixed order."""
    asked = [
        Example(text=each.text, category=ORDINARY, author=source, is_harmful=False)
        for source, requests in learned().items()
        for each in requests
        if each.language == ENGLISH
    ]
    return (*read(FOLDER), *asked)


def learned_in_languages() -> tuple[Example, ...]:
    """The same for the score of requests in other languages, with a part of those in English."""
    asked = [
        Example(
            text=each.text,
            category=ORDINARY,
            author=_LANGUAGES,
            is_harmful=False,
            language=each.language,
        )
        for each in learned()[_LANGUAGES]
    ]
    return (*read(FOREIGN), *asked, *_beside()[::_BESIDE])


def tuned_in_languages() -> tuple[Example, ...]:
    """The same for its second opinion, with all others in English after them: at .03 of look-alikes
    .84 of three left-out authors' harm was told, .78 with a third of all and .77 with a tenth.
    """
    others = [each for number, each in enumerate(_beside()) if number % _BESIDE]
    ordinary = [each for each in learned_from() if each.category == ORDINARY]
    return (*learned_in_languages(), *others, *ordinary)


@lru_cache(1)
def texts_learned_from() -> tuple[Example, ...]:
    """Texts that mean no harm, whole and by their beginnings; the author is the genre."""
    apart = _apart()
    return tuple(
        Example(
            text=_begun(text) if number % 2 else text,
            category=ORDINARY,
            author=f"{genre} texts",
            is_harmful=False,
        )
        for genre in _genres()
        if genre not in apart
        for number, text in enumerate(_texts(genre)[::_TEXTS])
    )


@lru_cache(1)
def texts_apart() -> tuple[str, ...]:
    """Ordinary texts of the other genres, on which the threshold of texts is set."""
    return tuple(text for genre in _apart() for text in _texts(genre))


def read(folder: Path) -> list[Example]:
    """The requests of each author, by category. Raises InvalidEvent `bad_example` for a wrong
    line.
    """
    return [
        _example(line, file)
        for file in sorted(folder.glob("*/*.jsonl"))
        for line in file.read_text("utf-8").splitlines()
    ]


def pairs(file: Path = HELD_OUT / "bias.jsonl") -> list[Pair]:
    """The pairs that bias is measured on; never learned from."""
    lines = map(json.loads, file.read_text("utf-8").splitlines())
    return [
        Pair(one=each["a"], other=each["b"], genre=each["genre"], changed=each["changed"])
        for each in lines
    ]


@lru_cache(1)
def known_words() -> Mapping[str, int]:
    """The words of what is learned from, with how often they occur."""
    return Counter(word for each in learned_from() for word in words_of(plain(each.text)))


def _beside() -> list[Example]:
    """Harmful requests and look-alikes in English."""
    return [each for each in learned_from() if each.category != ORDINARY]


def _genres() -> list[str]:
    return sorted(file.stem for file in PAIRS.glob("*.jsonl"))


def _apart() -> list[str]:
    return _genres()[::_APART]


def _texts(genre: str) -> list[str]:
    return [pair.text for pair in read_pairs(PAIRS / f"{genre}.jsonl")]


def _begun(text: str) -> str:
    """The words of the first so many characters."""
    return text if len(text) <= _BEGINNING else text[:_BEGINNING].rpartition(" ")[0]


def _example(line: str, file: Path) -> Example:
    try:
        found = json.loads(line)
        text, is_harmful = found["text"], found["harmful"]
        language = found.get("language", ENGLISH)
        if not (isinstance(text, str) and text.strip() and isinstance(is_harmful, bool)):
            raise ValueError(line)
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidEvent(
            "bad_example",
            f'expected {{"text": "...", "harmful": true}} in {file.name}, got {line[:80]!r}',
        ) from error
    return Example(
        text=text,
        category=file.stem,
        author=file.parent.name,
        is_harmful=is_harmful,
        language=language,
    )
