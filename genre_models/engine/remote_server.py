"""One OpenAI-compatible server: how its kind takes adapters, and whether to rely on it now."""

from __future__ import annotations

import http.client
import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, Literal

from schemas.errors import ModelError, discreet

Kind = Literal["vllm", "sglang", "lorax", "llamacpp"]

TRIES = 3  # failures in a row that open the circuit
REST = 10.0  # seconds that an open circuit stays open
POLLS, POLL = 40, 0.25  # a loaded adapter is listed within ten seconds
MOST_BYTES = 4 << 20  # of an answer


class ServerFailed(ModelError):
    """A server did not do what it was asked; another one may."""


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
        if not url.startswith(("http://", "https://")):
            raise ModelError("bad_server", f"expected http://host:port, got {url!r}")
        self.url, self._kind, self._base = url.rstrip("/"), kind, base
        self._timeout, self._clock = timeout, clock
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

    def complete(self, body: Mapping[str, Any], use: Use) -> dict[str, Any]:
        """The answer of /v1/chat/completions.

        Raises ServerFailed for what another server may do better. An adapter that it cannot load
        (`server_adapter`) says nothing against it: rows without that adapter go on.
        """
        try:
            answer = self._complete(body, use)
        except ServerFailed as error:
            if error.code == "server_adapter":
                raise
            self._failures += 1
            if self._failures >= TRIES:
                self._rests_until = self._clock() + REST
            raise
        self._failures = 0
        return answer

    def _complete(self, body: Mapping[str, Any], use: Use) -> dict[str, Any]:
        self._load(use)
        try:
            return self._post("/v1/chat/completions", {**body, **self._naming(use)})
        except _Unknown:
            # it has restarted, or let it go
            self._loaded.difference_update(name for name, _ in use.blend)
        self._load(use)
        try:
            return self._post("/v1/chat/completions", {**body, **self._naming(use)})
        except _Unknown as error:
            raise ServerFailed(
                "server_adapter", f"{self.url} does not know the adapter that it has loaded"
            ) from error

    def _naming(self, use: Use) -> dict[str, Any]:
        if not use.blend:
            return {"model": self._base}
        if self._kind == "llamacpp":
            return {"model": self._base, "lora": self._scales(use)}
        name = use.blend[0][0]
        return {
            "model": {"vllm": name, "sglang": f"{self._base}:{name}", "lorax": name}[self._kind]
        }

    def _scales(self, use: Use) -> list[dict[str, Any]]:
        """llama.cpp knows adapters by the order in which it was started with them."""
        listed = self._ask("/lora-adapters", None)
        found = {
            Path(str(each.get("path"))).stem: each.get("id")
            for each in listed
            if isinstance(each, dict)
        }
        missing = [name for name, _ in use.blend if name not in found]
        if missing:
            raise ServerFailed(
                "server_adapter", f"{self.url} was not started with --lora {missing[0]}.gguf"
            )
        return [{"id": found[name], "scale": weight} for name, weight in use.blend]

    def _load(self, use: Use) -> None:
        """Load, wait until it is listed, then route: names are immutable, so once is enough."""
        if self._kind not in ("vllm", "sglang"):
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
        if self._kind == "sglang":
            self._post("/load_lora_adapter", {"lora_name": name, "lora_path": str(folder)})
            return
        if name not in self._models():
            try:
                self._post("/v1/load_lora_adapter", {"lora_name": name, "lora_path": str(folder)})
            except ServerFailed as error:  # another process may have loaded it just before
                if error.code != "server_adapter" or name not in self._models():
                    raise
        for _ in range(POLLS):
            if name in self._models():
                return
            time.sleep(POLL)
        raise ServerFailed("server_adapter", f"{self.url} does not list {name} after loading it")

    def _models(self) -> set[str]:
        listed = self._ask("/v1/models", None)
        entries = listed.get("data", []) if isinstance(listed, dict) else []
        return {str(each.get("id")) for each in entries if isinstance(each, dict)}

    def _post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        answer = self._ask(path, body)
        return answer if isinstance(answer, dict) else {}

    def _ask(self, path: str, body: Mapping[str, Any] | None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            self.url + path, data, {"content-type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=self._timeout) as response:
                return _parsed(response.read(MOST_BYTES))
        except urllib.error.HTTPError as error:
            with error:
                raise self._refusal(error.code, path) from error
        except (OSError, ValueError, RecursionError, http.client.HTTPException) as error:
            why = getattr(error, "reason", None)
            raise ServerFailed(
                "server_unavailable",
                f"{self.url}{path} does not answer as it should: "
                f"{discreet(why if isinstance(why, Exception) else error)}",
            ) from error

    def _refusal(self, status: int, path: str) -> Exception:
        if path.endswith("/load_lora_adapter"):
            return ServerFailed(
                "server_adapter",
                f"{self.url} cannot load an adapter ({status}): is its folder seen there?",
            )
        if status == 404:
            return _Unknown()
        if status == 400 and path.startswith("/v1/chat"):
            return ModelError("server_refused", f"{self.url} refused the request as bad (400)")
        return ServerFailed("server_failed", f"{self.url}{path} answered {status}")


class _Unknown(Exception):
    """404: the server does not know this adapter."""


def _parsed(data: bytes) -> Any:
    return json.loads(data) if data.lstrip()[:1] in (b"{", b"[") else {}
