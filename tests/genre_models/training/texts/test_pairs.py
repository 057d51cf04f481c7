"""Which text answers which request, in the forms in which people keep them."""

from __future__ import annotations

from typing import Any

import pytest

from genre_models.training.texts.pairs import Unlike, columns, pair

ASKED = [{"role": "system", "content": "Be short."}, {"role": "user", "content": " a joke "}]
TOLD = {"role": "assistant", "content": "Ha."}


@pytest.mark.parametrize(
    "row",
    [
        {"instruction": "a joke", "input": "", "output": "Ha.", "text": "### a joke: Ha."},
        {"instruction": "a joke", "context": None, "response": "Ha."},
        {"prompt": "a joke", "completion": "Ha."},
        {"prompt": ASKED, "completion": [TOLD]},
        {"question": "a joke", "answer": "Ha."},
        {"request": "a joke", "text": "Ha."},
        {"messages": [*ASKED, TOLD], "text": "### a joke: Ha."},
        {
            "messages": [
                {"role": "user", "content": "a poem"},
                dict(TOLD, content="O."),
                *ASKED,
                TOLD,
            ]
        },
        {
            "messages": [
                *ASKED,
                {"role": "assistant", "content": None},
                {"role": "tool", "content": ""},
                TOLD,
            ]
        },
        {"messages": [*ASKED, TOLD, {"role": "user", "content": "thanks"}]},
        {
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": "a joke"}]},
                {"role": "assistant", "content": [{"type": "text", "text": "Ha."}]},
            ]
        },
        {"conversations": [{"from": "human", "value": "a joke"}, {"from": "gpt", "value": "Ha."}]},
        {
            "messages": [
                {"role": "User", "content": "a joke"},
                {"role": "Chatbot", "content": "Ha."},
            ]
        },
        {
            "contents": [
                {"role": "user", "parts": [{"text": "a joke"}]},
                {"role": "model", "parts": [{"text": "Ha."}]},
            ]
        },
    ],
)
def test_a_text_is_the_answer_to_its_request(row: dict[str, Any]) -> None:
    assert pair(row) == ("Ha.", "a joke")


def test_what_an_instruction_is_about_belongs_to_the_request() -> None:
    row = {"instruction": "Shorten this.", "input": "It was long.", "output": "Short."}
    assert pair(row) == ("Short.", "Shorten this.\n\nIt was long.")


@pytest.mark.parametrize(
    ("row", "column"),
    [
        ({"text": "Ha.", "instruction": " "}, None),
        ({"messages": [TOLD]}, None),
        ({"messages": 3, "text": "Ha."}, None),
        ({"joke": "Ha.", "text": "no", "messages": []}, "joke"),
        ({"chosen": [TOLD]}, "chosen"),
        ({"text": "Ha.", "request": None}, None),
        ({"prompt": "Ha."}, "prompt"),
        ({"role": "user", "content": "Ha."}, "content"),
        ({"role": "comedian", "content": "Ha."}, None),
    ],
)
def test_a_text_may_stand_alone(row: dict[str, Any], column: str | None) -> None:
    assert pair(row, column) == ("Ha.", None)


def test_a_named_column_keeps_the_request_beside_it() -> None:
    assert pair({"prompt": "a joke", "chosen": "Ha.", "rejected": "No."}, "chosen") == (
        "Ha.",
        "a joke",
    )


@pytest.mark.parametrize(
    ("row", "expected", "got"),
    [
        ({}, "a column text", "none"),
        ({"chosen": "a", "rejected": "b"}, "--column", "'chosen', 'rejected'"),
        ({"instruction": "a", "output": None}, "field 'output'", "null"),
        ({"prompt": 4, "completion": "b"}, "field 'prompt'", "int '4'"),
        ({"messages": ASKED}, "message of the assistant", "2 messages of others"),
        (ASKED[1], "`messages`", "one message: --column"),
        ({"from": "gpt", "value": "a"}, "`messages`", "one message"),
        ({"messages": ["a"]}, "messages with role and content", "str 'a'"),
        ({"messages": [{"who": "a"}]}, "messages with role and content", "'who'"),
        ({"messages": [{"role": "user", "content": 4}]}, "messages with role", "'role'"),
    ],
)
def test_a_row_without_a_text_says_what_it_has(
    row: dict[str, Any], expected: str, got: str
) -> None:
    with pytest.raises(Unlike) as unlike:
        pair(row)
    assert expected in unlike.value.expected and got in unlike.value.got


def test_the_columns_of_a_table_are_those_of_a_row() -> None:
    for names in ({"text"}, {"instruction", "output"}, {"prompt", "completion"}):
        assert columns(None).fit(frozenset(names))
    assert not columns(None).fit(frozenset({"instruction", "input"}))
    assert not columns("joke").fit(frozenset({"text"}))
