"""What is wrong with running servers, in one line each: nothing is loaded or changed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from genre_models.engine.remote_commands import Needs
from genre_models.engine.remote_connection import Connections, Refused, ServerFailed
from genre_models.engine.remote_server import (
    LOAD,
    MODELS,
    SCALES,
    Kind,
    adapters_of_llamacpp,
    models,
)

# where each kind says its version, and under which name
VERSIONS = {
    "vllm": ("/version", "version"),
    "sglang": ("/get_server_info", "version"),
    "lorax": ("/info", "version"),
    "llamacpp": ("/props", "build_info"),
}
UNKNOWN = "not told"


class Inspection:
    """One look at the server at `url`, which is said to be of `kind` and to run `base`.

    `version` is what it tells, None where it does not. Raises ModelError `bad_server`.
    """

    def __init__(self, url: str, kind: Kind, base: str, needs: Needs, timeout: float) -> None:
        self.url, self._kind, self._base, self._needs = url, kind, base, needs
        self._connections = Connections(url, timeout)
        self._info: dict[str, Any] = {}
        self.version: str | None = None

    def wrong(self) -> list[str]:
        """What is wrong; [] when all is as it must be."""
        try:
            return list(self._wrong())
        except ServerFailed as error:
            return [error.message]
        except Refused as error:
            return [f"{self.url} answers {error.status or 'with an error'} when asked what it runs"]

    def _wrong(self) -> Iterator[str]:
        path, key = VERSIONS[self._kind]
        try:
            info = self._connections.ask(path)
        except Refused as error:
            yield (
                f"{self.url} is no {self._kind} that GENRE knows: {path} answers {error.status}; "
                "is GENRE_SERVER_KIND right, and has it started?"
            )
            return
        self._info = info if isinstance(info, dict) else {}
        if isinstance(told := self._info.get(key), str):
            self.version = told
        yield from {
            "vllm": self._vllm,
            "sglang": self._sglang,
            "lorax": self._lorax,
            "llamacpp": self._llamacpp,
        }[self._kind]()

    def _vllm(self) -> Iterator[str]:
        listed = models(self._connections.ask(MODELS))
        yield from self._bases(name for name, each in listed.items() if not each.get("parent"))
        if self._status(LOAD["vllm"]) != 404:
            limit = self._vllm_rank()
            yield from self._rank(limit) if limit is not None else ()
        elif self._needs.folders:
            yield (
                f"{self.url} cannot load adapters while it runs: start it with "
                "VLLM_ALLOW_RUNTIME_LORA_UPDATING=1 and --enable-lora"
            )
            yield from self._missing(set(listed))

    def _vllm_rank(self) -> int | None:
        """Only a vLLM in VLLM_SERVER_DEV_MODE tells."""
        try:
            info = self._connections.ask("/server_info?config_format=json")
        except Refused:
            return None
        config = _at(_at(info, "vllm_config"), "lora_config")
        limit = _at(config, "max_lora_rank")
        return limit if type(limit) is int else None

    def _sglang(self) -> Iterator[str]:
        listed = models(self._connections.ask(MODELS))
        yield from self._bases(name for name, each in listed.items() if not each.get("parent"))
        if not self._needs.folders:
            return
        if self._info.get("enable_lora") is False:
            yield f"{self.url} was started without --enable-lora"
            yield from self._missing(set(listed))
        elif type(limit := self._info.get("max_lora_rank")) is int:
            yield from self._rank(limit)

    def _lorax(self) -> Iterator[str]:
        yield from self._bases(iter([str(self._info.get("model_id", UNKNOWN))]))

    def _llamacpp(self) -> Iterator[str]:
        listed = models(self._connections.ask(MODELS))
        # without an alias it is named by its file
        yield from self._bases(
            each for name in listed for each in (name, Path(name).name, Path(name).stem)
        )
        yield from self._missing(set(adapters_of_llamacpp(self._connections.ask(SCALES)).values()))

    def _bases(self, found: Iterator[str]) -> Iterator[str]:
        names = list(dict.fromkeys(found))
        if self._base not in names:
            yield (
                f"{self.url} runs {names[0] if names else UNKNOWN!r}, and GENRE_SERVER_MODEL "
                f"says {self._base!r}"
            )

    def _rank(self, limit: int) -> Iterator[str]:
        if self._needs.rank > limit:
            yield (
                f"{self.url} takes ranks up to {limit}, and a blend of two adapters needs "
                f"{self._needs.rank}: raise its max_lora_rank"
            )

    def _missing(self, known: set[str]) -> Iterator[str]:
        for name in sorted(set(self._needs.folders) - known):
            yield f"{self.url} does not know the adapter {name}"

    def _status(self, path: str) -> int:
        """That of a GET; 405 says that the path is there, for others."""
        try:
            self._connections.ask(path)
        except Refused as error:
            return error.status
        return 200


def differing(inspections: list[Inspection], expected: str | None) -> list[str]:
    """Servers of another version than expected, or else than the first that tells its own."""
    told = [each for each in inspections if each.version is not None]
    wanted = expected or (told[0].version if told else None)
    return [
        f"{each.url} is version {each.version}, and {wanted} is expected"
        for each in told
        if each.version != wanted
    ]


def _at(document: Any, key: str) -> Any:
    return document.get(key) if isinstance(document, dict) else None
