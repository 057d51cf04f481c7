"""Preprocessing: its laws, and what each rule is there for; on texts written for the tests."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from genre_models.corpora.cleaning import ABUSE
from genre_models.corpora.preprocessing import HUGE, Rules, preprocess
from genre_models.corpora.text import Text

WORDS = [
    "the",
    "old",
    "ferry",
    "crossed",
    "a",
    "wide",
    "river",
    "with",
    "Ann",
    "ann@city.org",
    "www.city.org",
    "x.com",
]
NOISE = [
    "\u00a0",
    "\n",
    "\u200b",
    "<br>",
    "+44 20 7946 0018",
    "123",
    "(212) 555-7788",
    "-",
    ".",
    "0151 496 0188",
]
CONTENTS = st.lists(st.sampled_from(WORDS + NOISE), max_size=14).map(" ".join)
ANY_LANGUAGE = Rules(words=(2, 12), language=None)


def text(content: str, document: str = "d") -> Text:
    return Text(text=content, genre="joke", family="humour", source="here", document=document)


def left(contents: list[str], rules: Rules = ANY_LANGUAGE) -> list[str]:
    return [item.text for item in preprocess([text(content) for content in contents], rules).texts]


@settings(max_examples=60, deadline=None)
@given(st.lists(CONTENTS, max_size=12))
def test_what_is_prepared_stays_as_it_is(contents: list[str]) -> None:
    once = preprocess([text(content) for content in contents], ANY_LANGUAGE)
    again = preprocess(once.texts, ANY_LANGUAGE)
    assert again.texts == once.texts
    assert not again.removed and not any(step.changed for step in again.steps)


@settings(max_examples=60, deadline=None)
@given(st.lists(CONTENTS, max_size=12), st.randoms(use_true_random=False))
def test_the_order_of_texts_decides_nothing(contents: list[str], chance: random.Random) -> None:
    texts = [text(content, document=str(at % 3)) for at, content in enumerate(contents)]
    shuffled = chance.sample(texts, len(texts))
    one, other = preprocess(texts, ANY_LANGUAGE), preprocess(shuffled, ANY_LANGUAGE)
    assert set(one.texts) == set(other.texts)
    assert one.steps == other.steps


@settings(max_examples=60, deadline=None)
@given(st.lists(CONTENTS, max_size=12))
def test_every_text_is_kept_or_counted(contents: list[str]) -> None:
    prepared = preprocess([text(content) for content in contents], ANY_LANGUAGE)
    assert len(prepared.texts) + sum(prepared.removed.values()) == len(contents)


def test_contacts_can_be_left_out_with_their_texts() -> None:
    contents = ["write to ann@city.org today", "the ferry crossed the river"]
    assert left(contents, Rules(words=(2, 12), language=None, contacts="drop")) == contents[1:]


def test_what_is_sent_ten_thousand_times_is_learned_once_and_reported() -> None:
    prepared = preprocess([text("The old ferry crossed a wide river.")] * 10_000, Rules())
    assert len(prepared.texts) == 1 and prepared.removed == {"duplicate": 9_999}


def test_each_rule_says_what_it_left_out() -> None:
    contents = [
        "The ferry crossed the river in the early morning light.",
        "the FERRY crossed the river -- in the early morning light",
        "",
        "\u200b \n ",
        "Too short",
        "word " * 300,
        "letters " * HUGE,
        "<b>This</b> is a page of the web and not a text.",
        "Le bac traverse la rivi\u00e8re tous les matins, m\u00eame quand il pleut beaucoup.",
        "12 34 56 78 90 12 34",
    ]
    prepared = preprocess([text(content) for content in contents])
    assert [item.text for item in prepared.texts] == contents[:1]
    assert prepared.removed == {
        "huge": 1, "empty": 2, "too_short": 1, "too_long": 1, "duplicate": 1, "markup": 2,
        "language": 1,
    }  # fmt: skip


def test_near_duplicates_are_one_text() -> None:
    base = ["w" + "o" * at for at in range(60)]
    near, far = [*base[:59], "other"], base[:30] + ["n" + "e" * at for at in range(30)]
    contents = [" ".join(words) for words in (base, near, far)]
    rules = Rules(language=None)
    assert len(left(contents, rules)) == 2 and contents[2] in left(contents, rules)
    assert len(left([contents[0], contents[2]], rules)) == 2


def test_lines_are_kept_where_a_genre_has_lines() -> None:
    poem = "The sea is wide\n\n  and I am small"
    assert left([poem], Rules(words=(2, 12), language=None, lines=True)) == [
        "The sea is wide\nand I am small"
    ]
    assert left([poem]) == ["The sea is wide and I am small"]


def test_abuse_is_left_out_where_it_is_looked_for() -> None:
    content = "What a bitch of a day it was"
    assert left([content], Rules(language=None, abuse=ABUSE)) == []
    assert left([content]) == [content]
