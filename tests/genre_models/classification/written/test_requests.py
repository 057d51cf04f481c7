"""Written requests: read whole or refused with their line; what is held out is never learned."""

from __future__ import annotations

from pathlib import Path

import pytest

from genre_models.classification.examples import of_languages, of_requests, of_texts
from genre_models.classification.written import Request, held_out, learned, read_requests
from genre_models.taxonomy import Taxonomy
from schemas.errors import ModelError


def test_a_file_is_read_in_its_order(tmp_path: Path) -> None:
    file = tmp_path / "some.jsonl"
    file.write_text(
        '{"text": "a\u2028joke", "genre": "joke"}\n'
        '{"text": "un chiste", "genre": "joke", "language": "es"}\n'
        '{"text": "1+1", "kind": "sum"}\n'
    )
    assert read_requests(file) == (
        Request(text="a\u2028joke", genre="joke"),
        Request(text="un chiste", genre="joke", language="es"),
        Request(text="1+1", kind="sum"),
    )


@pytest.mark.parametrize(
    "line",
    [
        '{"text": "a", "genre": "ode"}',
        '{"text": "a"}',
        '{"text": "a", "genre": "joke", "kind": "sum"}',
        '{"text": " ", "genre": "joke"}',
        '{"text": 1, "genre": "joke"}',
        '{"text": "a", "genre": "joke", "note": ""}',
        "no",
        "",
    ],
)
def test_a_line_that_is_no_request_is_named(line: str, tmp_path: Path) -> None:
    file = tmp_path / "some.jsonl"
    file.write_text(f'{{"text": "a", "genre": "joke"}}\n{line}\n')
    with pytest.raises(ModelError, match=r"line 2 of some\.jsonl") as caught:
        read_requests(file)
    assert caught.value.code == "bad_requests"


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"none\.jsonl"):
        read_requests(tmp_path / "none.jsonl")


def test_no_request_that_is_held_out_is_learned_from() -> None:
    kept = {each.text.casefold().strip() for file in held_out().values() for each in file}
    taxonomy = Taxonomy.load()
    for examples in (of_requests(taxonomy), of_languages(taxonomy), of_texts(taxonomy)):
        assert examples and kept.isdisjoint(each.text.casefold().strip() for each in examples)


def test_every_file_says_something_of_its_own() -> None:
    assert held_out().keys() - learned().keys() == {"plain"}
    for sets in (learned(), held_out()):
        assert all(each.genre and each.language == "en" for each in sets["implied"])
        assert all(each.genre and each.language != "en" for each in sets["languages"])
        assert all(each.kind and not each.genre for each in sets["outside"])
