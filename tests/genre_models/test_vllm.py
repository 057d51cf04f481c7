"""The remote engine against a real vLLM: `GENRE_VLLM` names a Python that has it."""

from __future__ import annotations

import os
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from genre_models.adapters import AdapterStore, BaseSpec, add_starters
from genre_models.engine import Engine, Finished, Generation, chat_prompt
from genre_models.engine.local_engine import LocalEngine
from genre_models.engine.remote_engine import RemoteEngine, servers
from genre_models.weights import DEFAULT_CACHE, prepare_base

pytestmark = [
    pytest.mark.vllm,
    pytest.mark.slow,
    pytest.mark.timeout(1800),
    pytest.mark.skipif("GENRE_VLLM" not in os.environ, reason="GENRE_VLLM does not name a Python with vLLM"),
]

READY = 600.0  # seconds that a vLLM may take to load on two cores
SETTINGS = {
    "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "1",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "0-1",
}
LORA = ("--enable-lora", "--max-loras", "4", "--max-lora-rank", "32")
OPTIONS = ("--dtype", "float32", "--enforce-eager", "--max-model-len", "1024", *LORA)


class Server:
    """One vLLM on a free port, started and killed as often as a test likes."""

    def __init__(self, base: Path, log: Path) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            self._port = taken.getsockname()[1]
        self._base, self._log = base, log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start, and return when it answers."""
        python, module = os.environ["GENRE_VLLM"], "vllm.entrypoints.openai.api_server"
        command = [python, "-m", module, "--model", str(self._base), "--host", "127.0.0.1", "--port", str(self._port)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*command, *OPTIONS], env=os.environ | SETTINGS, stdout=log, stderr=log, start_new_session=True
            )
        until = time.monotonic() + READY
        while not self._answers():
            assert self._process.poll() is None and time.monotonic() < until, self._log.read_text()[-2000:]
            time.sleep(1)

    def kill(self) -> None:
        """Kill it and the processes that it has started."""
        if self._process is not None:
            os.killpg(self._process.pid, 9)
            self._process.wait()

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/v1/models", timeout=5):
                return True
        except OSError:
            return False


@pytest.fixture(scope="module")
def real_base() -> Path:
    return prepare_base(None, Path(os.environ.get("GENRE_MODELS", DEFAULT_CACHE)))


@pytest.fixture(scope="module")
def starters(real_base: Path, tmp_path_factory: pytest.TempPathFactory) -> AdapterStore:
    store = AdapterStore(tmp_path_factory.mktemp("starters") / "store", BaseSpec.load(real_base))
    add_starters(store)
    return store


@pytest.fixture(scope="module")
def server(real_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(real_base, tmp_path_factory.mktemp("vllm") / "log")
    try:
        server.start()
        yield server
    finally:
        server.kill()


def rows(store: AdapterStore) -> list[Generation]:
    """Greedy rows of the base, two adapters and their blend."""
    joke, legal = str(store.newest("joke")), str(store.newest("legal"))
    mixtures = [(), ((joke, 1.0),), ((legal, 1.0),), ((joke, 0.6), (legal, 0.4))]
    return [
        Generation(
            id=f"{request} {number}",
            prompt=chat_prompt(instruction="Write a short text, nothing else.", request=request),
            blend=mixture,
            max_tokens=40,
            temperature=0.0,
            repetition_penalty=1.0,
            seed=1,
        )
        for request in ("Write something about the sea.", "Something short about autumn.")
        for number, mixture in enumerate(mixtures)
    ]


def texts(engine: Engine, wanted: Sequence[Generation]) -> dict[str, str]:
    """The texts by row; a row that failed has its code."""
    engine.submit(wanted)
    found: dict[str, str] = {}
    while not engine.idle:
        found |= {each.id: each.code or each.text.strip() for each in engine.step() if isinstance(each, Finished)}
    return found


def test_adapters_and_a_blend_read_as_from_the_local_engine_also_after_a_restart(
    server: Server, starters: AdapterStore, real_base: Path, tmp_path: Path
) -> None:
    wanted = rows(starters)
    local = texts(LocalEngine.load(real_base, starters, threads=2, rows=8, context=512), wanted)
    replicas = servers([server.url], "vllm", str(real_base), 300.0)
    remote = RemoteEngine(replicas, starters, rows=8, blends=tmp_path / "blends")
    assert texts(remote, wanted) == local
    assert len(set(local.values())) == len(wanted)

    server.kill()
    assert texts(remote, wanted[1:2]) == {wanted[1].id: "server_unavailable"}
    server.start()
    assert texts(remote, wanted) == local
