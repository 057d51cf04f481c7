"""Which of equal and similar texts stays."""

from __future__ import annotations

import random
from dataclasses import replace

from genre_models.corpora.duplicates import dissimilar, distinct
from genre_models.corpora.text import Text

FERRY = "The old ferry crossed a wide river in the early morning light."


def of(*contents: str) -> list[Text]:
    return [
        Text(text=content, genre="joke", family="humour", source="here", document=str(number))
        for number, content in enumerate(contents)
    ]


def test_equal_but_for_case_and_punctuation_is_one_text_whatever_the_order() -> None:
    texts = of(FERRY, FERRY.upper(), FERRY.replace(".", "!"), "Another one.")
    kept = distinct(texts)
    assert len(kept) == 2 and kept[1].text == "Another one."
    for seed in range(5):
        shuffled = random.Random(seed).sample(texts, len(texts))
        assert set(distinct(shuffled)) == set(kept)


def test_a_document_does_not_make_the_same_text_another() -> None:
    (text,) = of(FERRY)
    assert len(distinct([text, replace(text, document="other", source="there")])) == 1


def test_of_the_same_text_one_with_a_request_stays() -> None:
    (text,) = of("An old pond.")
    asked = replace(text, request="a haiku")
    assert distinct([text, asked]) == distinct([asked, text]) == [asked]


def test_texts_are_similar_by_the_share_of_their_word_triples() -> None:
    words = [f"word{number}" for number in range(40)]
    near, far = [*words[:39], "other"], [*words[:20], *(f"far{number}" for number in range(20))]
    texts = of(*(" ".join(each) for each in (words, near, far)))
    # 37 of 39 triples are shared by the first two, 18 of 58 by the first and the last.
    assert len(dissimilar(texts, 0.8)) == 2 and texts[2] in dissimilar(texts, 0.8)
    assert dissimilar(texts, 0.95) == texts
    assert len(dissimilar(texts, 0.2)) == 1
