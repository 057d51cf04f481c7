"""The report on pairs names what repeats, what is too long, and what was never finished."""

from __future__ import annotations

from genre_models.corpora.corpus import Corpus
from genre_models.corpora.text import Text
from genre_models.corpora.written.report import report

PLACES = ("harbour", "library", "orchard", "station", "museum", "bakery", "stadium", "chapel")


def corpus(*pairs: tuple[str, str]) -> Corpus:
    texts = tuple(
        Text(
            text=text,
            request=request,
            genre="sms",
            family="messages",
            source="here",
            document=str(number),
        )
        for number, (request, text) in enumerate(pairs)
    )
    return Corpus(genre="sms", licence="CC0", training=texts[:-1], held_out=texts[-1:])


def test_what_is_written_by_a_template_is_named_with_how_often() -> None:
    pairs = [
        (f"Tell me about our {place}!", f"Come to the {place} today, at noon.") for place in PLACES
    ]
    found = report(corpus(*pairs)).repeated
    assert found["openings of texts"] == (("come to", 8),)
    assert found["openings of requests"] == (("tell me", 8),)
    assert found["frames of texts"] == (("_ to the _ _ at", 8),)
    assert ("tell me about our", 8) in found["phrases in requests"]


def test_texts_that_are_alike_too_long_or_unfinished_are_shown_by_their_beginnings() -> None:
    again = "The ferry leaves at nine and the tickets are in the drawer"
    found = report(
        corpus(
            ("ferry", f"{again}."),
            ("boat", f"{again}!"),
            ("call", "Call [customer name] back, please."),
            ("long", " ".join(PLACES * 4)),
        ),
        most=20,
    )
    assert (found.training, found.held_out, found.longest) == (3, 1, 32)
    assert len(found.near_duplicates) == 1 and found.near_duplicates[0].startswith(again)
    assert found.placeholders == ("Call [customer name] back, please.",)
    assert len(found.too_long) == 1 and found.too_long[0].startswith("harbour library")
    lines = "\n".join(found.lines())
    assert "too long: harbour" in lines and "near duplicates: The ferry" in lines


def test_what_differs_is_not_named() -> None:
    found = report(corpus(*((place, f"{place} {place[::-1]}") for place in PLACES)))
    assert not found.near_duplicates and not any(found.repeated.values())
