"""How each kind of server is told which adapter to use, and when it is left in peace."""

from __future__ import annotations

from pathlib import Path

import pytest

from genre_models.adapters import AdapterStore
from genre_models.engine.remote_server import REST, TRIES, Kind, RemoteServer, ServerFailed, Use
from tests.genre_models.engine.serving import (
    Fake,
    engine,
    fails,
    finish,
    row,
)


def test_a_server_that_has_restarted_loads_again(
    fakes: list[Fake], store: AdapterStore, tmp_path: Path
) -> None:
    name, remote = str(store.names()[0]), engine(fakes[:1], store, tmp_path)
    finish(remote, row(adapter=name))
    fakes[0].loaded.clear()
    assert finish(remote, row(adapter=name))["a"].text == f"by {name}"


@pytest.mark.parametrize(("kind", "model"), [("sglang", "tiny:{}"), ("lorax", "{}")])
def test_each_kind_names_adapters_in_its_way(
    fakes: list[Fake], store: AdapterStore, tmp_path: Path, kind: Kind, model: str
) -> None:
    name = str(store.names()[0])
    fakes[0].loaded = {name: ""}
    assert (
        finish(engine(fakes[:1], store, tmp_path, kind), row(adapter=name))["a"].text
        == f"by {model.format(name)}"
    )


def test_llama_cpp_weighs_a_blend_itself(
    fakes: list[Fake], store: AdapterStore, tmp_path: Path
) -> None:
    one, two = map(str, store.names()[:2])
    fakes[0].loaded = {one: "", two: ""}
    finish(engine(fakes[:1], store, tmp_path, "llamacpp"), row(blend=((two, 0.25), (one, 0.5))))
    assert fakes[0].asked[0]["lora"] == [{"id": 1, "scale": 0.25}, {"id": 0, "scale": 0.5}]


def test_a_server_that_fails_is_left_in_peace_for_a_while(fakes: list[Fake]) -> None:
    now = [0.0]
    server = RemoteServer(fakes[0].url, "vllm", "tiny", clock=lambda: now[0])
    fakes[0].trouble = fails
    for _ in range(TRIES):
        assert not server.open
        with pytest.raises(ServerFailed):
            server.complete({}, Use(blend=(), folders={}))
    assert server.open
    now[0] = REST + 1
    assert not server.open
