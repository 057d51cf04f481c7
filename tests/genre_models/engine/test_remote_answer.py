"""Server-sent events cut anywhere, and what comes in them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from genre_models.engine import Finished
from genre_models.engine.remote_answer import LONGEST_LINE, Answer, events
from genre_models.engine.remote_connection import Refused, ServerFailed
from tests.genre_models.engine.serving import completion, event, token


def read(stream: bytes, size: int = 1 << 20) -> tuple[list[str], Finished]:
    """Pieces and end of a stream that comes in chunks of `size` bytes."""
    pieces: list[str] = []
    answer = Answer(pieces.append)
    for data in events(stream[at : at + size] for at in range(0, len(stream), size)):
        if not answer.take(data):
            break
    return pieces, answer.finished("a")


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 1 << 20])
def test_a_stream_reads_the_same_however_it_is_cut(size: int, line_end: bytes) -> None:
    whole = b"".join(completion("H\u00e4", " \u2603 ", "\U0001f600"))
    whole = whole.replace(b"\\u2603", "\u2603".encode())  # three bytes, not escaped
    pieces, end = read(whole.replace(b"\n", line_end), size)
    assert pieces == ["H\u00e4", " \u2603 ", "\U0001f600"]
    assert end == Finished(
        id="a",
        text="H\u00e4 \u2603 \U0001f600",
        reason="length",
        logprob=-1.5,
        tokens_in=7,
        tokens_out=2,
    )


def test_half_a_character_waits_for_its_other_half() -> None:
    def raw(text: str) -> bytes:
        return b'data: {"choices": [{"delta": {"content": "%s"}}]}\n\n' % text.encode()

    done = b"data: [DONE]\n\n"
    assert read(raw("a\\ud83d") + raw("\\ude00b") + done)[0] == ["a", "\U0001f600b"]
    pieces, end = read(raw("a\\ude00") + raw("\\ud83d") + done)
    assert "".join(pieces) == end.text == "a\ufffd\ufffd"


def test_comments_names_and_numbers_of_events_are_left_out() -> None:
    stream = (
        b": ping\n\nid: 7\nevent: x\nretry: 10\ndata:1\ndata: 2\nnonsense\n\n:\n\ndata: 3\n\nda"
    )
    assert list(events([stream])) == ["1\n2", "3"]


@pytest.mark.parametrize(
    ("stream", "status"),
    [
        (b'data: {"error": {"message": "no", "code": 400}}\n\n', 400),  # vLLM, SGLang
        (b'data: {"object": "error", "message": "no", "code": 404}\n\n', 404),
        (b'error: {"code": 503, "message": "no"}\n\n', 503),  # llama.cpp
        (b'data: {"error": "no", "error_type": "validation"}\n\n', 422),  # LoRAX
        (b'data: {"error": "no", "error_type": "generation"}\n\n', 0),
    ],
)
def test_an_error_in_the_stream_is_one(stream: bytes, status: int) -> None:
    with pytest.raises(Refused) as caught:
        read(token("a") + stream)
    assert caught.value.status == status and "no" in caught.value.told


@pytest.mark.parametrize(
    "stream",
    [
        b"",
        b"<html>hello</html>",
        b"data: {\n\n",
        b"data: 7\n\n",
        b"data: {}\n\n",
        b"data: " + b"[" * 100_000 + b"\n\n",
        event({"choices": [7]}),
        event({"choices": [{"delta": {"content": 7}}]}),
        event({"choices": [{"delta": {}, "logprobs": {"content": [{}]}}]}),
        event({"choices": [], "usage": 7}),
        b"data: " + b"a" * (LONGEST_LINE + 1),
    ],
)
def test_what_is_no_completion_is_garbage(stream: bytes) -> None:
    with pytest.raises(ServerFailed) as caught:
        read(stream, 1 << 14)
    assert caught.value.code == "server_garbage"


def test_a_text_without_an_end_is_cut() -> None:
    with pytest.raises(ServerFailed) as caught:
        read(token("a"))
    assert caught.value.code == "server_unavailable"


@pytest.mark.parametrize("bad", [float("nan"), float("-inf"), 10**400])
def test_numbers_that_are_none_do_not_count(bad: Any) -> None:
    usage = {"prompt_tokens": -1, "completion_tokens": "2"}
    stream = token("a") + token("b", bad) if isinstance(bad, float) else token("a")
    end = read(stream + event({"choices": [], "usage": usage}) + b"data: [DONE]\n\n")[1]
    assert (end.logprob, end.tokens_in, end.tokens_out) == (-1.5, 0, 1)
    if not isinstance(bad, float):
        with pytest.raises(ServerFailed):
            read(token("b", bad))
    assert json.dumps(end.logprob) == "-1.5"
