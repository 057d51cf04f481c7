"""One OpenAI-compatible server: how its kind takes adapters, and whether to rely on it now."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, Literal

from genre_models.engine.remote_answer import Answer, events
from genre_models.engine.remote_connection import Call, Connections, Refused, ServerFailed
from schemas.errors import ModelError

Kind = Literal["vllm", "sglang", "lorax", "llamacpp"]

CHAT, MODELS, SCALES = "/v1/chat/completions", "/v1/models", "/lora-adapters"
LOAD = {"vllm": "/v1/load_lora_adapter", "sglang": "/load_lora_adapter"}
TRIES = 3  # failures in a row that open the circuit
REST = 10.0  # seconds that an open circuit stays open
POLLS, POLL = 40, 0.25  # a loaded adapter is listed within ten seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """One row's adapters as names with weights, and the folder of each."""

    blend: tuple[tuple[str, float], ...]
    folders: Mapping[str, Path]


class RemoteServer:
    """A server at `url`, running the base model `base`. Safe to use from many threads."""

    def __init__(
        self,
        url: str,
        kind: Kind,
        base: str,
        *,
        timeout: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Raises ModelError `bad_server`."""
        self.url, self._kind, self._base, self._clock = url.rstrip("/"), kind, base, clock
        self._connections = Connections(self.url, timeout)
        self._loaded: set[str] = set()
        self._loading = threading.Lock()
        self._failures, self._rests_until = 0, 0.0

    @property
    def blends(self) -> bool:
        """Whether it weighs several adapters in one request."""
        return self._kind == "llamacpp"

    @property
    def open(self) -> bool:
        """Whether the circuit is open: it failed lately and is left in peace."""
        return self._clock() < self._rests_until

    def affinity(self, key: str) -> bytes:
        """Rendezvous hashing: the server with the largest value keeps the adapter `key` warm."""
        return blake2b(f"{self.url}\0{key}".encode(), digest_size=8).digest()

    def complete(self, body: Mapping[str, Any], use: Use, answer: Answer, call: Call) -> None:
        """Let /v1/chat/completions write `answer`, piece by piece.

        Raises Ended, and ServerFailed for what another server may do better. An adapter that it
        cannot load (`server_adapter`) says nothing against it: rows without that adapter go on.
        """
        try:
            self._complete(body, use, answer, call)
        except ServerFailed as error:
            if error.code == "server_adapter":
                raise
            self._failures += 1
            if self._failures >= TRIES:
                self._rests_until = self._clock() + REST
            raise
        self._failures = 0

    def _complete(self, body: Mapping[str, Any], use: Use, answer: Answer, call: Call) -> None:
        try:
            return self._write(body, use, answer, call)
        except _Unknown:
            # it has restarted, or let it go
            self._loaded.difference_update(name for name, _ in use.blend)
        try:
            return self._write(body, use, answer, call)
        except _Unknown as error:
            raise ServerFailed(
                "server_adapter", f"{self.url} does not know the adapter that it has loaded"
            ) from error

    def _write(self, body: Mapping[str, Any], use: Use, answer: Answer, call: Call) -> None:
        try:
            self._load(use)
            asked = self._dialect({**body, **self._naming(use)})
            with closing(self._connections.stream(CHAT, asked, call)) as chunks:
                for data in events(chunks):
                    if not answer.take(data):
                        break
            answer.check()
        except Refused as error:
            raise self._refusal(error, use, answer) from error

    def _naming(self, use: Use) -> dict[str, Any]:
        if self._kind == "llamacpp":
            return {"model": self._base, "lora": self._scales(use)}
        if self._kind == "lorax":
            # It knows adapters by their folder; the empty name is the base in every version.
            folder = str(use.folders[use.blend[0][0]]) if use.blend else ""
            return {"model": folder, "adapter_source": "local"} if folder else {"model": ""}
        if not use.blend:
            return {"model": self._base}
        name = use.blend[0][0]
        return {"model": name if self._kind == "vllm" else f"{self._base}:{name}"}

    def _dialect(self, body: dict[str, Any]) -> dict[str, Any]:
        """`body` with what this kind wants otherwise."""
        if self._kind == "llamacpp":
            return body | {"repeat_penalty": body.get("repetition_penalty", 1.0)}
        if self._kind == "lorax":
            # Older versions refuse numbers that switch sampling off, and sample where `n` is set.
            greedy = not body.get("temperature", 1.0)
            off = {"temperature"} if greedy else set()
            off |= {"min_p"}  # which no version knows
            off |= {"top_p"} if greedy or not 0 < body.get("top_p", 1.0) < 1 else set()
            kept = {key: value for key, value in body.items() if key not in off}
            return kept | ({"top_k": 1} if greedy else {"n": 1})
        return body

    def _scales(self, use: Use) -> list[dict[str, Any]]:
        """The scale of every adapter that llama.cpp was started with: without, each has its own."""
        found = adapters_of_llamacpp(self._listed(SCALES))
        missing = [name for name, _ in use.blend if name not in found.values()]
        if missing:
            raise ServerFailed(
                "server_adapter", f"{self.url} was not started with --lora {missing[0]}.gguf"
            )
        weights = dict(use.blend)
        return [{"id": id, "scale": weights.get(name, 0.0)} for id, name in found.items()]

    def _load(self, use: Use) -> None:
        """Load, wait until it is listed, then route: names are immutable, so once is enough."""
        if self._kind not in LOAD:
            return
        for name, _ in use.blend:
            with self._loading:
                if self.open:  # it failed while this row waited for its turn
                    raise ServerFailed(
                        "server_unavailable", f"{self.url} rests: it has failed {TRIES} times"
                    )
                if name not in self._loaded:
                    self._load_one(name, use.folders[name])
                    self._loaded.add(name)

    def _load_one(self, name: str, folder: Path) -> None:
        if name in self._models():
            return
        try:
            self._connections.ask(LOAD[self._kind], {"lora_name": name, "lora_path": str(folder)})
        except Refused as error:
            # another process may have loaded it just before; not each version lists them
            if name in self._models() or "already" in error.told:
                return
            raise ServerFailed(
                "server_adapter", f"{self.url} cannot load {name}: {reason(error)}"
            ) from error
        if self._kind != "vllm":
            return
        for _ in range(POLLS):
            if name in self._models():
                return
            time.sleep(POLL)
        raise ServerFailed("server_adapter", f"{self.url} does not list {name} after loading it")

    def _models(self) -> set[str]:
        return set(models(self._listed(MODELS)))

    def _listed(self, path: str) -> Any:
        try:
            return self._connections.ask(path)
        except Refused as error:
            raise ServerFailed(
                "server_failed", f"{self.url}{path} answered {error.status}"
            ) from error

    def _refusal(self, error: Refused, use: Use, answer: Answer) -> Exception:
        if use.blend and not answer.begun:
            if error.status == 404 or (self._kind == "sglang" and "lora" in error.told):
                return _Unknown()
            if self._kind == "lorax" and "adapter" in error.told:
                return ServerFailed(
                    "server_adapter", f"{self.url} cannot load an adapter: {reason(error)}"
                )
        if error.status == 404:
            return ServerFailed(
                "server_model", f"{self.url} does not know the model {self._base!r} (404)"
            )
        if error.status in (400, 413, 422):
            return ModelError("server_refused", f"{self.url} refused the request ({error.status})")
        return ServerFailed(
            "server_failed", f"{self.url}{CHAT} answered with an error ({error.status or 200})"
        )


class _Unknown(Exception):
    """The server does not know this adapter."""


def models(listed: Any) -> dict[str, dict[str, Any]]:
    """What /v1/models lists, by name; `parent` tells an adapter from a base model."""
    entries = listed.get("data") if isinstance(listed, dict) else None
    if not isinstance(entries, list):
        return {}
    return {str(each.get("id")): each for each in entries if isinstance(each, dict)}


def adapters_of_llamacpp(listed: Any) -> dict[int, str]:
    """The names of the adapters that llama.cpp was started with, by its number for each."""
    return {
        each["id"]: Path(str(each.get("path"))).stem
        for each in (listed if isinstance(listed, list) else ())
        if isinstance(each, dict) and type(each.get("id")) is int
    }


def reason(error: Refused) -> str:
    """Why an adapter is not loaded, in words of our own."""
    if error.status in (404, 405):
        return "it was started without loading at runtime (`genre servers command`)"
    if "max_lora_rank" in error.told or "max-lora-rank" in error.told:
        return "its rank is above the server's max_lora_rank (`genre servers command`)"
    if "enable-lora" in error.told or "not enabled" in error.told:
        return "it was started without adapters (`genre servers command`)"
    return f"it answered {error.status or 'with an error'}; is the adapter's folder seen there?"
