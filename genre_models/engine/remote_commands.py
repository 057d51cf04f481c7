"""The commands that start servers for a base model and the adapters of a store."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from genre_models.adapters import AdapterStore
from genre_models.engine.remote_server import Kind
from schemas.errors import ModelError

VLLM_RANKS = (8, 16, 32, 64, 128, 256, 320, 512)  # those that vLLM takes
CONTEXT = 1024  # tokens of a prompt and its text, as in the local engine


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What a server must have room for: adapters by name, their linears, ranks and rows.

    `rank` is the largest of an adapter, or of a blend where the server gets blends as one adapter
    (two adapters, whose ranks add); `rows` are texts at the same time.
    """

    folders: dict[str, Path]
    linears: tuple[str, ...]
    rank: int
    rows: int

    @classmethod
    def of(cls, store: AdapterStore, kind: Kind, rows: int) -> Needs:
        """Those of a store. Raises ModelError for an adapter that is damaged."""
        ranks, linears = [], set()
        names = store.names()
        for name in names:
            adapter = store.verified(name)
            ranks.append(adapter.rank)
            linears |= {site.rpartition(".")[2] for site in adapter.tensors}
        ranks.sort(reverse=True)
        return cls(
            folders={str(name): store.path(name) for name in names},
            linears=tuple(sorted(linears)),
            rank=sum(ranks[: 1 if kind == "llamacpp" else 2]),
            rows=rows,
        )

    @property
    def at_once(self) -> int:
        """Adapters that can be in one batch."""
        return min(len(self.folders), self.rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """One server to start: where it listens, which base it runs, and its name there.

    `files` is a folder for what has to be converted first.
    """

    host: str
    port: int
    base: Path
    name: str
    files: Path


def preparation(kind: Kind, launch: Launch, needs: Needs) -> list[str]:
    """Commands to run once, before any server: llama.cpp reads files of its own."""
    if kind != "llamacpp":
        return []
    return [
        _line("mkdir", "-p", launch.files),
        _line(
            "python", "convert_hf_to_gguf.py", launch.base, "--outfile", launch.files / "base.gguf"
        ),
        *(
            _line(
                *("python", "convert_lora_to_gguf.py", "--base", launch.base),
                *("--outfile", launch.files / f"{name}.gguf", folder),
            )
            for name, folder in needs.folders.items()
        ),
    ]


def command(kind: Kind, launch: Launch, needs: Needs) -> str:
    """The command of one server. Raises ModelError `rank_too_large`."""
    words = {"vllm": _vllm, "sglang": _sglang, "lorax": _lorax, "llamacpp": _llamacpp}[kind]
    return _line(*words(launch, needs), environment=_ENVIRONMENT.get(kind, ""))


_ENVIRONMENT = {"vllm": "VLLM_ALLOW_RUNTIME_LORA_UPDATING=1"}


def _vllm(launch: Launch, needs: Needs) -> Iterator[object]:
    yield from ("vllm", "serve", launch.base, "--served-model-name", launch.name)
    yield from ("--host", launch.host, "--port", launch.port)
    if needs.folders:
        rank = next((rank for rank in VLLM_RANKS if rank >= needs.rank), None)
        if rank is None:
            raise ModelError(
                "rank_too_large",
                f"expected two adapters of together at most rank {VLLM_RANKS[-1]} for vLLM, "
                f"got {needs.rank}",
            )
        yield from ("--enable-lora", "--max-loras", needs.at_once, "--max-lora-rank", rank)
        # blends come on top of the adapters
        yield from ("--max-cpu-loras", 2 * len(needs.folders))


def _sglang(launch: Launch, needs: Needs) -> Iterator[object]:
    yield from ("python", "-m", "sglang.launch_server", "--model-path", launch.base)
    yield from ("--served-model-name", launch.name, "--host", launch.host, "--port", launch.port)
    if needs.folders:
        # the base model takes a place among them
        yield from ("--enable-lora", "--max-loras-per-batch", needs.at_once + 1)
        yield from ("--max-lora-rank", needs.rank, "--lora-target-modules", *needs.linears)


def _lorax(launch: Launch, needs: Needs) -> Iterator[object]:
    yield from ("lorax-launcher", "--model-id", launch.base)
    yield from ("--hostname", launch.host, "--port", launch.port)
    if needs.folders:
        yield from ("--adapter-source", "local", "--max-active-adapters", needs.at_once)


def _llamacpp(launch: Launch, needs: Needs) -> Iterator[object]:
    yield from ("llama-server", "--model", launch.files / "base.gguf", "--alias", launch.name)
    yield from ("--host", launch.host, "--port", launch.port)
    yield from ("--parallel", needs.rows, "--ctx-size", needs.rows * CONTEXT)
    for name in needs.folders:
        yield from ("--lora", launch.files / f"{name}.gguf")
    if needs.folders:
        yield "--lora-init-without-apply"


def _line(*words: object, environment: str = "") -> str:
    line = shlex.join(map(str, words))
    return f"{environment} {line}" if environment else line
