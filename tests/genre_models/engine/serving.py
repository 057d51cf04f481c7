"""A small HTTP server that behaves, and misbehaves, like vLLM; engines on it, and rows for them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from genre_models.adapters import AdapterStore
from genre_models.engine import Finished, Generation, chat_prompt
from genre_models.engine.remote_engine import RemoteEngine
from genre_models.engine.remote_server import Kind, RemoteServer

PROMPT = chat_prompt(instruction="Write.", request="About cats.")


class Fake(ThreadingHTTPServer):
    """Knows the adapters that it was told to load; `trouble` answers in its place where it is
    set."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.loaded: dict[str, str] = {}
        self.refused: set[str] = set()
        self.asked: list[dict[str, Any]] = []
        self.trouble: Callable[[Handler], None] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Fake

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def answer(self, status: int, body: Any) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self) -> None:
        if self.path == "/lora-adapters":
            self.answer(
                200,
                [
                    {"id": index, "path": f"/x/{name}.gguf"}
                    for index, name in enumerate(self.server.loaded)
                ],
            )
        else:
            self.answer(200, {"data": [{"id": name} for name in ("tiny", *self.server.loaded)]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.path.endswith("load_lora_adapter") and body["lora_name"] in self.server.refused:
            self.answer(400, {"error": "no such folder"})
            return
        if self.path.endswith("load_lora_adapter"):
            self.server.loaded[body["lora_name"]] = body["lora_path"]
            self.answer(200, b"Success: loaded")
            return
        self.server.asked.append(body)
        if self.server.trouble:
            self.server.trouble(self)
        elif body["model"].rpartition(":")[2] not in ("tiny", *self.server.loaded):
            self.answer(404, {"error": "no such model"})
        else:
            choice = {
                "message": {"content": f"by {body['model']}"},
                "finish_reason": "length",
                "logprobs": {"content": [{"logprob": -1.0}, {"logprob": -2.0}]},
            }
            self.answer(
                200, {"choices": [choice], "usage": {"prompt_tokens": 7, "completion_tokens": 2}}
            )


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
    engine.submit(rows)
    ends: dict[str, Finished] = {}
    while not engine.idle:
        ends.update({event.id: event for event in engine.step() if isinstance(event, Finished)})
    return ends


def row(id: str = "a", **given: Any) -> Generation:
    return Generation(id=id, prompt=PROMPT, **given)


def fails(handler: Handler) -> None:
    handler.answer(500, {"error": "out of memory"})


def hangs(handler: Handler) -> None:
    time.sleep(0.6)
