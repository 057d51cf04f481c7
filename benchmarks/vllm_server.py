"""A real vLLM beside us; `GENRE_VLLM` names a Python that has it (CONTRIBUTING.md)."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from genre_models.adapters import AdapterStore
from genre_models.engine import Finished, Generation
from genre_models.engine.remote_engine import RemoteEngine, servers

PYTHON = os.environ.get("GENRE_VLLM")
READY = 600.0  # seconds that a vLLM may take to load on two cores
SETTINGS = {
    "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "1",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "0-1",
}
LORA = ("--enable-lora", "--max-loras", "8", "--max-lora-rank", "32")
OPTIONS = ("--dtype", "float32", "--enforce-eager", "--max-model-len", "1024", *LORA)


class VllmServer:
    """One vLLM on a free port, started and killed as often as one likes."""

    def __init__(self, base: Path, log: Path) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            self._port = taken.getsockname()[1]
        self._base, self._log = base, log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start, and return when it answers."""
        assert PYTHON is not None, "GENRE_VLLM names no Python"
        command = [PYTHON, "-m", "vllm.entrypoints.openai.api_server", "--model", str(self._base)]
        where = ["--host", "127.0.0.1", "--port", str(self._port)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*command, *where, *OPTIONS],
                env=os.environ | SETTINGS,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        until = time.monotonic() + READY
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"vLLM did not start: {self._log.read_text()[-2000:]}")
            time.sleep(1)

    def kill(self) -> None:
        """Kill it and the processes that it has started."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/v1/models", timeout=5):
                return True
        except OSError:
            return False


@contextmanager
def vllm_engine(
    base: Path, store: AdapterStore, rows: int, folder: Path
) -> Iterator[RemoteEngine | None]:
    """An engine on a vLLM of its own, in fp32; None where it is not installed."""
    if PYTHON is None:
        yield None
        return
    server = VllmServer(base, folder / "log")
    try:
        server.start()
        replicas = servers([server.url], "vllm", str(base), READY)
        yield RemoteEngine(replicas, store, rows=rows, blends=folder / "blends")
    finally:
        server.kill()


def vllm_tok_s(base: Path, store: AdapterStore, wanted: Sequence[Generation]) -> float | None:
    """Tokens a second of vLLM in fp32 for rows with adapters, once they are loaded.

    None where it is not installed.
    """
    with (
        tempfile.TemporaryDirectory(prefix="genre-benchmark-") as folder,
        vllm_engine(base, store, len(wanted), Path(folder)) as engine,
    ):
        return max(_tok_s(engine, wanted) for _ in range(2)) if engine else None


def _tok_s(engine: RemoteEngine, wanted: Sequence[Generation]) -> float:
    begun, tokens = time.perf_counter(), 0
    engine.submit(wanted)
    while not engine.idle:
        tokens += sum(event.tokens_out for event in engine.step() if isinstance(event, Finished))
    return tokens / (time.perf_counter() - begun)
