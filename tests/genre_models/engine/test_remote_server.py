"""How each kind of server is told which adapter to use, and when it is left in peace."""

from __future__ import annotations

from pathlib import Path

import pytest

from genre_models.adapters import AdapterStore
from genre_models.engine.remote_answer import Answer
from genre_models.engine.remote_connection import Call, ServerFailed
from genre_models.engine.remote_server import REST, TRIES, Kind, RemoteServer, Use
from tests.genre_models.engine.serving import (
    Fake,
    Handler,
    completion,
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


@pytest.mark.parametrize(("kind", "model"), [("vllm", "{}"), ("sglang", "tiny:{}")])
def test_each_kind_names_adapters_in_its_way(
    fakes: list[Fake], store: AdapterStore, tmp_path: Path, kind: Kind, model: str
) -> None:
    name = str(store.names()[0])
    assert (
        finish(engine(fakes[:1], store, tmp_path, kind), row(adapter=name))["a"].text
        == f"by {model.format(name)}"
    )
    assert fakes[0].loaded == {name: str(store.path(store.names()[0]))}


def test_llama_cpp_weighs_a_blend_itself(
    fakes: list[Fake], store: AdapterStore, tmp_path: Path
) -> None:
    one, two = map(str, store.names()[:2])
    fakes[0].loaded = {one: "", two: ""}
    finish(engine(fakes[:1], store, tmp_path, "llamacpp"), row(blend=((two, 0.25), (one, 0.5))))
    assert fakes[0].asked[0]["lora"] == [{"id": 0, "scale": 0.5}, {"id": 1, "scale": 0.25}]


def test_llama_cpp_switches_off_every_adapter_that_a_row_does_not_name(
    fakes: list[Fake], store: AdapterStore, tmp_path: Path
) -> None:
    one = str(store.names()[0])
    fakes[0].loaded = {"other@0123456789ab": "", one: ""}
    remote = engine(fakes[:1], store, tmp_path, "llamacpp")
    finish(remote, row())
    finish(remote, row(adapter=one))
    base, adapted = (asked["lora"] for asked in fakes[0].asked)
    assert base == [{"id": 0, "scale": 0.0}, {"id": 1, "scale": 0.0}]
    assert adapted == [{"id": 0, "scale": 0.0}, {"id": 1, "scale": 1.0}]


def test_lorax_loads_an_adapter_and_a_blend_from_its_folder(
    fakes: list[Fake], store: AdapterStore, tmp_path: Path
) -> None:
    one, two = map(str, store.names()[:2])
    remote = engine(fakes[:1], store, tmp_path, "lorax")
    blend = ((one, 0.5), (two, 0.5))
    ends = finish(remote, row("base"), row("one", adapter=one), row("both", blend=blend))
    assert ends["base"].text == "by "  # the empty name is the base model
    assert ends["one"].text == f"by {store.path(store.names()[0])}"
    assert ends["both"].text.startswith(f"by {tmp_path / 'blends'}/blend@")
    assert {asked.get("adapter_source") for asked in fakes[0].asked} == {None, "local"}


def test_lorax_is_sent_no_number_that_it_refuses(
    fakes: list[Fake], store: AdapterStore, tmp_path: Path
) -> None:
    remote = engine(fakes[:1], store, tmp_path, "lorax")
    finish(remote, row(temperature=0.0))
    finish(remote, row(top_p=1.0))
    greedy, sampled = fakes[0].asked
    assert greedy["top_k"] == 1 and not {"temperature", "top_p", "n"} & set(greedy)
    assert sampled["n"] == 1 and "top_p" not in sampled and sampled["temperature"] > 0


@pytest.mark.parametrize(
    ("kind", "sent"),
    [
        ("vllm", {"min_p": 0.05, "repetition_penalty": 1.25}),
        ("sglang", {"min_p": 0.05, "repetition_penalty": 1.25}),
        ("llamacpp", {"min_p": 0.05, "repeat_penalty": 1.25}),
        ("lorax", {"repetition_penalty": 1.25}),
    ],
)
def test_each_kind_is_sent_the_sampling_that_it_knows(
    fakes: list[Fake], store: AdapterStore, tmp_path: Path, kind: Kind, sent: dict[str, float]
) -> None:
    remote = engine(fakes[:1], store, tmp_path, kind)
    finish(remote, row(min_p=0.05, repetition_penalty=1.25))
    (asked,) = fakes[0].asked
    assert sent.items() <= asked.items()
    assert ("min_p" in asked) == ("min_p" in sent)


def test_an_adapter_that_sglang_has_already_is_no_failure(
    fakes: list[Fake], store: AdapterStore, tmp_path: Path
) -> None:
    name = str(store.names()[0])
    fakes[0].refused = {name: f"LoRA adapter {name} is already loaded"}
    remote = engine(fakes[:1], store, tmp_path, "sglang")
    fakes[0].trouble = lambda handler: handler.stream(completion("a"))
    assert finish(remote, row(adapter=name))["a"].text == "a"


def test_sglang_that_has_restarted_says_400_and_loads_again(
    fakes: list[Fake], store: AdapterStore, tmp_path: Path
) -> None:
    def forgot(handler: Handler) -> None:
        fakes[0].trouble = None
        handler.answer(400, {"message": "The following LoRA adapters are not loaded: ..."})

    name, remote = str(store.names()[0]), engine(fakes[:1], store, tmp_path, "sglang")
    finish(remote, row(adapter=name))
    fakes[0].loaded.clear()
    fakes[0].trouble = forgot
    assert finish(remote, row(adapter=name))["a"].text == f"by tiny:{name}"
    assert list(fakes[0].loaded) == [name]


def test_a_base_model_that_a_server_does_not_know_is_named(fakes: list[Fake]) -> None:
    server = RemoteServer(fakes[0].url, "vllm", "large")
    with pytest.raises(ServerFailed, match="does not know the model 'large'") as caught:
        server.complete({}, Use(blend=(), folders={}), Answer(), Call())
    assert caught.value.code == "server_model"


def test_a_server_that_fails_is_left_in_peace_for_a_while(fakes: list[Fake]) -> None:
    now = [0.0]
    server = RemoteServer(fakes[0].url, "vllm", "tiny", clock=lambda: now[0])
    fakes[0].trouble = fails
    for _ in range(TRIES):
        assert not server.open
        with pytest.raises(ServerFailed):
            server.complete({}, Use(blend=(), folders={}), Answer(), Call())
    assert server.open
    now[0] = REST + 1
    assert not server.open
