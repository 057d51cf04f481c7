"""Connections are kept, found closed, limited in time and size, and ended from another thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from genre_models.engine import remote_connection
from genre_models.engine.remote_connection import Call, Connections, Ended, Refused, ServerFailed
from schemas.errors import ModelError
from tests.genre_models.engine.serving import Fake, Handler, completion, fails, token

CHAT = "/v1/chat/completions"
BODY = {"model": "tiny"}


def read(connections: Connections, call: Call | None = None) -> bytes:
    return b"".join(connections.stream(CHAT, BODY, call or Call()))


def test_connections_are_kept_and_shared_by_threads(fakes: list[Fake]) -> None:
    connections = Connections(fakes[0].url, 5.0)
    whole = b"".join(completion("by ", "tiny"))
    for _ in range(5):
        assert read(connections) == whole
        assert connections.ask("/v1/models") == {"data": [{"id": "tiny"}]}
    assert fakes[0].connections == 1
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(lambda _: read(connections), range(40))) == {whole}
    assert fakes[0].connections <= 4


def test_a_reader_that_has_heard_enough_keeps_the_connection(fakes: list[Fake]) -> None:
    connections = Connections(fakes[0].url, 5.0)
    for _ in range(2):
        stream = connections.stream(CHAT, BODY, Call())
        assert next(stream).startswith(b":")
        for chunk in stream:
            if b"[DONE]" in chunk:
                break
        stream.close()
    assert fakes[0].connections == 1


def test_a_kept_connection_that_the_server_has_closed_is_opened_again(fakes: list[Fake]) -> None:
    def closes(handler: Handler) -> None:
        handler.close_connection = True
        if len(fakes[0].asked) == 1:
            handler.stream(completion("a"))
        elif len(fakes[0].asked) == 3:
            handler.stream(completion("b"))

    fakes[0].trouble = closes  # at once, after an answer; then, instead of one
    connections = Connections(fakes[0].url, 5.0)
    assert b'"a"' in read(connections)
    time.sleep(0.3)  # the end of the kept connection is known here; its successor's comes in use
    assert b'"b"' in read(connections)


@pytest.mark.parametrize("status", [302, 404, 500])
def test_another_answer_than_200_is_a_refusal_and_keeps_the_connection(
    fakes: list[Fake], status: int
) -> None:
    fakes[0].trouble = lambda handler: handler.answer(status, {"error": "Out of MEMORY"})
    connections = Connections(fakes[0].url, 5.0)
    for _ in range(2):
        with pytest.raises(Refused) as caught:
            read(connections)
        assert caught.value.status == status and "out of memory" in caught.value.told
    assert fakes[0].connections == 1


def trickles(handler: Handler) -> None:
    def parts() -> Iterator[bytes]:
        for _ in range(100):
            yield b": ping\n\n"
            time.sleep(0.02)

    handler.stream(parts())


def without_end(handler: Handler) -> None:
    handler.stream(token("a") for _ in range(1000))


@pytest.mark.parametrize(
    ("trouble", "code"), [(trickles, "server_unavailable"), (without_end, "server_garbage")]
)
def test_an_answer_has_a_limit_in_time_and_in_size(
    fakes: list[Fake],
    monkeypatch: pytest.MonkeyPatch,
    trouble: Callable[[Handler], None],
    code: str,
) -> None:
    monkeypatch.setattr(remote_connection, "MOST_BYTES", 10_000)
    fakes[0].trouble = trouble
    with pytest.raises(ServerFailed) as caught:
        read(Connections(fakes[0].url, 0.2))
    assert caught.value.code == code


def test_a_call_that_has_ended_leaves_the_next_one_on_its_connection_alone(
    fakes: list[Fake],
) -> None:
    connections, first, second = Connections(fakes[0].url, 5.0), Call(), Call()
    read(connections, first)
    begun, go_on = threading.Event(), threading.Event()

    def waits(handler: Handler) -> None:
        begun.set()
        assert go_on.wait(5.0)
        handler.stream(completion("a"))

    fakes[0].trouble = waits
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(read, connections, second)
        assert begun.wait(5.0)
        first.end()
        go_on.set()
        assert b"[DONE]" in answer.result()
    assert fakes[0].connections == 1
    with pytest.raises(Ended):
        read(connections, first)


def test_a_path_before_the_interface_is_kept(fakes: list[Fake]) -> None:
    fakes[0].pages = {"/genre/v1/models": {"data": []}}
    assert Connections(f"{fakes[0].url}/genre/", 5.0).ask("/v1/models") == {"data": []}


def test_what_a_server_says_in_its_error_is_in_no_message(fakes: list[Fake]) -> None:
    fakes[0].trouble = fails
    with pytest.raises(Refused) as caught:
        read(Connections(fakes[0].url, 5.0))
    assert str(caught.value) == "500"


def test_nobody_there_is_said_with_the_reason() -> None:
    with pytest.raises(ServerFailed, match=r"127.0.0.1:1/v1/models .*Connection refused"):
        Connections("http://127.0.0.1:1", 1.0).ask("/v1/models")


@pytest.mark.parametrize("url", ["", "gpu-1:8000", "file:///etc/passwd", "http://", "http://a:x"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ModelError) as caught:
        Connections(url, 1.0)
    assert caught.value.code == "bad_server"
