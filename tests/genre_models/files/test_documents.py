"""JSON Lines, and what people call so."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genre_models.files import File, documents
from schemas.errors import Rejected


def found(text: str) -> list[tuple[int, object]]:
    file = File.of(text.encode("utf-8", "surrogatepass"), "a.jsonl")
    return [(document.line, document.value()) for document in documents(file)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a": 1}\r\n\r\n"two"\r\n', [(1, {"a": 1}), (3, "two")]),
        ('{"a": 1},\n{"a": 2},\n', [(1, {"a": 1}), (2, {"a": 2})]),
        ('[\n {\n  "a": 1\n },\n {"a": 2},\n]\n', [(2, {"a": 1}), (5, {"a": 2})]),
        ("[]", []),
        ('{"a": 1}\n\ufeff{"a": 2}\n', [(1, {"a": 1}), (2, {"a": 2})]),
        # Line ends to Python, to nobody else.
        ('"one\u2028two\x85three"\n"four"', [(1, "one\u2028two\x85three"), (2, "four")]),
        (
            r'["\ud83d\ude00 half \ud83d", {"\ude00": ["\ud83d"]}]',
            [(1, "😀 half "), (1, {"": [""]})],
        ),
    ],
)
def test_each_document_has_its_line(text: str, expected: list[tuple[int, object]]) -> None:
    assert found(text) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a": 1}\n{"a": 1, }\n', "line 2 of a.jsonl, got .*double quotes"),
        ("{'a': 1}", "line 1"),
        ('{\n"a": 1\n}', "line 1 .*: write one document a line, or an array"),
        ('{"a": 1}{"a": 2}', "extra data at character 8: write one document a line"),
        ('"a\x0bb"', "got invalid control character at character 2"),
        ('[\n{"a": 1},\n{"a": oops}\n]', "line 3"),
        ('[{"a": 1}', "element of the JSON array in line 1"),
        ("[1]\n[2]", "the end of the JSON array to be the end in line 1"),
        ('{"a": 1, "a": 2}', "a name that comes twice"),
        ('{"a":' * 100_000, "too many levels"),
        ("[" * 100_000, "too many levels"),
        ("1" * 5000, "got Exceeds the limit .* conversion: write one"),
    ],
)
def test_what_is_no_json_is_told_with_its_line(text: str, said: str) -> None:
    with pytest.raises(Rejected, match=said) as refused:
        found(text)
    assert "\n" not in refused.value.message


@given(st.text(alphabet='[]{}",:1 \n\\ud8é', max_size=40))
def test_whatever_the_text_it_is_read_or_refused_in_a_line(text: str) -> None:
    try:
        found("[" + text)
        found("{" + text)
    except Rejected as error:
        assert "\n" not in error.message
