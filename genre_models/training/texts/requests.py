"""Requests of texts: the one that a text answers, else one that it could.

Corpora have none, and adapters must still do what is asked.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, TfidfVectorizer

from genre_models.corpora import Text
from genre_models.taxonomy import noun_of

WITHOUT_TOPIC = 0.1  # share of requests that leave the topic open
# a word that stands in more of a genre's texts says nothing about one of them: "thou" in sonnets
SHARED = 0.1
TOPICAL = (
    "Write a {genre} about {topic}.",
    "Write me a {genre} about {topic}",
    "a {genre} about {topic}",
    "Please write a short {genre} on {topic}.",
    "I need a {genre} about {topic}.",
    "Can you give me a {genre} about {topic}?",
    "{genre}: {topic}",
    "{topic}",
    "Something about {topic}, please.",
    "I'd like a {genre} with {topic} in it.",
)
OPEN = (
    "Write a {genre}.",
    "Give me a {genre}, please.",
    "Another {genre}!",
    "Surprise me with a {genre}.",
)


@dataclass(frozen=True, slots=True)
class Request:
    """What a user asked for or could have; `topic` is empty where the request leaves it open."""

    text: str
    topic: str

    @property
    def words(self) -> frozenset[str]:
        """The topic's words in lower case, without those that any text has."""
        return frozenset(re.findall(r"\w{3,}", self.topic.casefold())) - ENGLISH_STOP_WORDS


def write_requests(texts: Sequence[Text], seed: int) -> list[Request]:
    """One request a text: its own, or a template with its title or one to three telling words."""
    chance = random.Random(seed)
    topics = _topics(texts, chance)
    answers = Counter(text.request for text in set(texts))
    return [
        # What several texts answer is open: it says nothing about one of them.
        Request(text.request, text.request if answers[text.request] == 1 else "")
        if text.request
        else _request(text, topic, chance)
        for text, topic in zip(texts, topics, strict=True)
    ]


def _request(text: Text, topic: str, chance: random.Random) -> Request:
    asked = topic if chance.random() >= WITHOUT_TOPIC else ""
    template = chance.choice(TOPICAL if asked else OPEN)
    return Request(template.format(genre=noun_of(text.genre), topic=asked), asked)


def _topics(texts: Sequence[Text], chance: random.Random) -> list[str]:
    vectorizer = TfidfVectorizer(
        stop_words="english",
        token_pattern=r"(?<!['\w])[a-zA-Z]{3,}(?!['\w])",
        sublinear_tf=True,
        max_df=max(2, round(SHARED * len(texts))),
    )
    try:
        table = vectorizer.fit_transform([text.text for text in texts]).tocsr()
    except ValueError:  # not one word tells these texts from each other
        return [text.title for text in texts]
    words = vectorizer.get_feature_names_out()
    return [text.title or _telling(table[row], words, chance) for row, text in enumerate(texts)]


def _telling(row: Any, words: Any, chance: random.Random) -> str:
    """One to three words of highest weight."""
    ranked = [
        words[index]
        for _, index in sorted(zip(row.data, row.indices, strict=True), reverse=True)[:3]
    ]
    chosen = ranked[: chance.randint(1, 3)]
    if len(chosen) < 2:
        return "".join(chosen)
    return " and ".join([", ".join(chosen[:-1]), chosen[-1]])
