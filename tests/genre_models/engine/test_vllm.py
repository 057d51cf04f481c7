"""The remote engine against a real vLLM: `GENRE_VLLM` names a Python that has it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from benchmarks.vllm_server import PYTHON, VllmServer
from genre_models.adapters import AdapterStore, BaseSpec, add_starters
from genre_models.engine import Engine, Finished, Generation, chat_prompt
from genre_models.engine.local_engine import LocalEngine
from genre_models.engine.remote_engine import RemoteEngine, servers
from genre_models.weights import DEFAULT_CACHE, prepare_base

pytestmark = [
    pytest.mark.vllm,
    pytest.mark.slow,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(PYTHON is None, reason="GENRE_VLLM does not name a Python with vLLM"),
]


@pytest.fixture(scope="module")
def real_base() -> Path:
    return prepare_base(None, Path(os.environ.get("GENRE_MODELS", DEFAULT_CACHE)))


@pytest.fixture(scope="module")
def starters(real_base: Path, tmp_path_factory: pytest.TempPathFactory) -> AdapterStore:
    store = AdapterStore(tmp_path_factory.mktemp("starters") / "store", BaseSpec.load(real_base))
    add_starters(store)
    return store


@pytest.fixture(scope="module")
def server(real_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[VllmServer]:
    server = VllmServer(real_base, tmp_path_factory.mktemp("vllm") / "log")
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
        found |= {
            each.id: each.code or each.text.strip()
            for each in engine.step()
            if isinstance(each, Finished)
        }
    return found


def test_adapters_and_a_blend_read_as_from_the_local_engine_also_after_a_restart(
    server: VllmServer, starters: AdapterStore, real_base: Path, tmp_path: Path
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
