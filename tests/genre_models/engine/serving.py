"""A small HTTP server that behaves, and misbehaves, like each kind; engines on it, and rows."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from genre_models.adapters import AdapterStore
from genre_models.engine import Finished, Generation, Piece, chat_prompt
from genre_models.engine.remote_engine import RemoteEngine
from genre_models.engine.remote_server import Kind, RemoteServer

PROMPT = chat_prompt(instruction="Write.", request="About cats.")


class Fake(ThreadingHTTPServer):
    """Knows the adapters that it was told to load; `trouble` answers in its place where it is
    set. `pages` are what it answers to a GET beside lists of models and adapters."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.loaded: dict[str, str] = {}
        self.refused: dict[str, str] = {}
        self.asked: list[dict[str, Any]] = []
        self.connections = 0
        self.left = threading.Event()
        self.trouble: Callable[[Handler], None] | None = None
        self.pages: dict[str, Any] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def process_request(self, request: Any, client_address: Any) -> None:
        self.connections += 1
        super().process_request(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients leave: say nothing."""


class Handler(BaseHTTPRequestHandler):
    server: Fake
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def answer(self, status: int, body: Any) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def stream(self, parts: Iterable[bytes], *, end: bool = True) -> None:
        """The parts as the chunks of a stream, which breaks off unless it has an `end`."""
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for part in parts:
            self.wfile.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
        if end:
            self.wfile.write(b"0\r\n\r\n")
        else:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)

    def wait_until_left(self) -> None:
        """Until the client closes the connection."""
        self.connection.settimeout(5.0)
        with suppress(OSError):
            if not self.connection.recv(1):
                self.server.left.set()
        self.close_connection = True

    def do_GET(self) -> None:
        if self.path in self.server.pages:
            page = self.server.pages[self.path]
            self.answer(page if isinstance(page, int) else 200, page)
        elif self.path == "/lora-adapters":
            self.answer(
                200,
                [
                    {"id": index, "path": f"/x/{name}.gguf", "scale": 1.0}
                    for index, name in enumerate(self.server.loaded)
                ],
            )
        elif self.path == "/v1/models":
            listed = [{"id": "tiny"}]
            listed += [{"id": name, "parent": "tiny"} for name in self.server.loaded]
            self.answer(200, {"data": listed})
        else:
            self.answer(404, {"detail": "Not Found"})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.path.endswith("load_lora_adapter") and body["lora_name"] in self.server.refused:
            self.answer(400, {"error": self.server.refused[body["lora_name"]]})
            return
        if self.path.endswith("load_lora_adapter"):
            self.server.loaded[body["lora_name"]] = body["lora_path"]
            self.answer(200, b"Success: loaded")
            return
        self.server.asked.append(body)
        if self.server.trouble:
            self.server.trouble(self)
        elif body["model"].rpartition(":")[2] not in ("", "tiny", *self.server.loaded) and not (
            body.get("adapter_source") == "local" and Path(body["model"]).is_dir()
        ):
            self.answer(404, {"error": "no such model"})
        else:
            self.stream(completion("by ", body["model"]))


def event(document: Any) -> bytes:
    return b"data: " + json.dumps(document).encode() + b"\n\n"


def token(text: str | None, logprob: float = -1.5) -> bytes:
    """An event with one token."""
    choice = {
        "index": 0,
        "delta": {"content": text},
        "logprobs": {"content": [{"token": text, "logprob": logprob}]},
        "finish_reason": None,
    }
    return event({"object": "chat.completion.chunk", "choices": [choice]})


END = (
    event({"choices": [{"index": 0, "delta": {}, "finish_reason": "length"}]}),
    event({"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 2}}),
    b"data: [DONE]\n\n",
)


def completion(*texts: str) -> list[bytes]:
    """The events of a whole answer."""
    role = event({"choices": [{"index": 0, "delta": {"role": "assistant"}}]})
    return [b": ping\n\n", role, *(token(text) for text in texts), *END]


def engine(
    fakes: list[Fake],
    store: AdapterStore,
    tmp_path: Path,
    kind: Kind = "vllm",
    timeout: float = 5.0,
) -> RemoteEngine:
    servers = [RemoteServer(fake.url, kind, "tiny", timeout=timeout) for fake in fakes]
    return RemoteEngine(servers, store, rows=8, blends=tmp_path / "blends")


def finish(engine: RemoteEngine, *rows: Generation) -> dict[str, Finished]:
    return {id: end for id, (_, end) in heard(engine, *rows).items()}


def heard(engine: RemoteEngine, *rows: Generation) -> dict[str, tuple[list[str], Finished]]:
    """The pieces and the end of each row."""
    engine.submit(rows)
    pieces: dict[str, list[str]] = {row.id: [] for row in rows}
    ends: dict[str, tuple[list[str], Finished]] = {}
    while not engine.idle:
        for event in engine.step():
            if isinstance(event, Piece):
                pieces[event.id].append(event.text)
            else:
                ends[event.id] = (pieces[event.id], event)
    return ends


def row(id: str = "a", **given: Any) -> Generation:
    return Generation(id=id, prompt=PROMPT, **given)


def fails(handler: Handler) -> None:
    handler.answer(500, {"error": "out of memory"})


def hangs(handler: Handler) -> None:
    time.sleep(0.6)
