"""Requests that texts could be answers to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from genre_models.corpora import Text
from genre_models.training.texts.requests import write_requests
from tests.genre_models.training.sentences import texts


def test_requests_ask_for_words_that_few_texts_of_the_genre_have() -> None:
    names = [
        first + second
        for first in ("bal", "cor", "dun", "fir")
        for second in ("ana", "ebo", "ilu", "oge", "ust")
    ]
    corpus = [
        replace(text, text=f"{text.text} {name.title()}!")
        for text, name in zip(texts(20, 5), names, strict=True)
    ]
    requests = write_requests(corpus * 10, 1)
    asked = [request.topic == name for request, name in zip(requests, names * 10, strict=True)]
    assert 0.8 < sum(asked) / 200 < 0.97
    assert all(
        request.topic in request.text and request.topic in {*names, ""} for request in requests
    )
    assert requests == write_requests(corpus * 10, 1) != write_requests(corpus * 10, 2)


@pytest.mark.parametrize("said", ["The sea laughed.", "1 2 3"])
def test_texts_that_no_word_tells_apart_are_asked_for_without_a_topic(said: str) -> None:
    alike = [
        Text(text=said, genre="g", family="f", source="s", document=str(number))
        for number in range(40)
    ]
    assert {request.topic for request in write_requests(alike, 1)} == {""}


def test_titles_are_asked_for_where_they_exist() -> None:
    titled = [
        Text(
            text=f"a tale {i}", genre="g", family="f", source="s", document="d", title=f"title {i}"
        )
        for i in range(50)
    ]
    assert (
        sum(
            text.title in request.text
            for text, request in zip(titled, write_requests(titled, 1), strict=True)
        )
        > 38
    )


def test_what_was_asked_for_is_the_request_and_its_topic_where_it_is_of_one_text() -> None:
    asked = ["a joke", "a joke", "about the sea", ""]
    given = [
        replace(text, request=request) for text, request in zip(texts(4, 5), asked, strict=True)
    ]
    requests = write_requests(given * 3, 1)
    assert [request.text for request in requests[:3]] == asked[:3]
    assert [request.topic for request in requests[:3]] == ["", "", "about the sea"]
    assert requests[:3] == requests[4:7] and requests[2].words == {"sea"}
    assert requests[3].text
