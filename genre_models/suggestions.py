"""What to write where nothing was asked: requests by genre, about what a user likes.

A topic is the user's own: words of a request of theirs whose text they liked, or of their new
request's context. Where there is none for a genre, one of the genre's examples stands in.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from genre_models.taxonomy import Genre, noun_of

SUGGESTION = "Something that I will like."
"""The request of a suggestion as workers read it that know of none."""
TOPIC_KEYS = ("topic", "topics", "tags", "interests", "occasion", "season")
"""The names in a request's context whose values are topics, several divided by `,` or `;`."""
MOST_TOPICS = 8  # of one request
LONGEST = 300  # characters of a request that is remembered to be suggested from: longer is a task
EXPLORED = 0.2  # share of texts that are about nothing the user is known to like

_DIVIDED = re.compile(r"[,;\n]")
_ABOUT = re.compile(
    r"(?:\babout\b|\bon the (?:subject|topic|theme) of\b|\b(?:topic|theme)\b:?|^[^:]{1,40}:|\bon\b)"
    r"\s+(?P<topic>[^.!?\n]{2,80})(?!\w)",
    re.IGNORECASE,
)
_LOOSE = " \t\r\n,;:"
_PLEASE = "please"


@dataclass(frozen=True, slots=True)
class Liked:
    """A request of whose texts the user liked one, and that text's genre."""

    prompt: str
    genre: str | None


@dataclass(frozen=True, slots=True)
class Suggested:
    """What the model is asked, and why that."""

    prompt: str
    why: str


def topics_of(context: Mapping[str, str] | None) -> tuple[str, ...]:
    """What a suggestion may be about by its request's context: at most `MOST_TOPICS`.

    >>> topics_of({"locale": "en-GB", "topic": "gardening, tea", "channel": "mail"})
    ('gardening', 'tea')
    """
    given = context or {}
    parts = (part.strip() for key in TOPIC_KEYS for part in _DIVIDED.split(given.get(key, "")))
    return tuple(dict.fromkeys(filter(None, parts)))[:MOST_TOPICS]


def topic_of(prompt: str) -> str | None:
    """What a request is about, where it says so in a usual way.

    >>> [topic_of(each) for each in ("a joke about dentists, please!", "headline: bridge open")]
    ['dentists', 'bridge open']
    >>> topic_of("Cheer me up.") is None
    True
    """
    found = _ABOUT.search(prompt)
    return (_bare(found["topic"]) or None) if found else None


def _bare(topic: str) -> str:
    topic = topic.rstrip(_LOOSE)
    before = topic[: -len(_PLEASE)]
    is_polite = topic.lower().endswith(_PLEASE) and (not before or before[-1] in _LOOSE)
    return before.rstrip(_LOOSE) if is_polite else topic


def suggested(
    genres: Sequence[Genre], liked: Sequence[Liked], topics: Sequence[str], seed: int, explore: bool
) -> tuple[Suggested, ...]:
    """A request for each of `genres`.

    `liked` is the user's, newest first, `topics` the context's. A liked request serves once, and so
    does a topic, unless nothing else is left. With `explore` the order is drawn, and without topics
    `EXPLORED` of the requests are examples whatever is liked.
    """
    chance = random.Random(seed)
    pool: list[Liked | str] = [*topics, *liked]
    if explore:
        chance.shuffle(pool)
    made: list[Suggested] = []
    for genre in genres:
        ways = [(each, way) for each in (*pool, *topics) if (way := _request(genre, each))]
        is_explored = explore and not topics and chance.random() < EXPLORED
        if not ways or is_explored:
            made.append(_example(genre, {each.prompt for each in made}, chance))
            continue
        source, way = ways[0]
        pool = [each for each in pool if each is not source]
        made.append(way)
    return tuple(made)


def _request(genre: Genre, source: Liked | str) -> Suggested | None:
    """How a text of the genre is asked for about a topic; None where the source names none."""
    if isinstance(source, str):
        return Suggested(_about(genre, source), "on a topic of the request's context")
    if source.genre == genre.id:
        return Suggested(source.prompt, "asked like a text that you liked")
    topic = topic_of(source.prompt)
    return Suggested(_about(genre, topic), "on a topic that you liked") if topic else None


def _about(genre: Genre, topic: str) -> str:
    return f"Write {_with_article(noun_of(genre.id))} about {topic}."


def _example(genre: Genre, used: set[str], chance: random.Random) -> Suggested:
    """One of the genre's own requests: nobody's text, and complete."""
    fresh = [each for each in genre.requests if each not in used]
    prompt = chance.choice(fresh) if fresh else f"Write {_with_article(noun_of(genre.id))}."
    return Suggested(prompt, "on a topic to try")


def _with_article(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeio" else f"a {noun}"
