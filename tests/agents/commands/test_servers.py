"""`genre servers`: what the commands print and how they end."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agents.commands.servers import cli
from genre_models.adapters import AdapterStore, BaseSpec
from tests.genre_models.engine.serving import Fake
from tests.genre_models.tiny import make_adapter, make_base


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base and one adapter where settings find them."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "models" / "base").mkdir(parents=True)
    make_base(folder / "models" / "base")
    spec = BaseSpec.load(folder / "models" / "base")
    AdapterStore(folder / "adapters", spec).add(make_adapter(folder / "joke", spec, "joke", 1))
    return folder


@pytest.fixture(autouse=True)
def _environment(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENRE_MODELS", str(home / "models"))
    monkeypatch.setenv("GENRE_ADAPTERS", str(home / "adapters"))
    monkeypatch.setenv("GENRE_STATE", str(home / "state"))


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[Fake]:
    server = Fake()
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    monkeypatch.setenv("GENRE_SERVERS", f" {server.url} ,")
    monkeypatch.setenv("GENRE_SERVER_MODEL", "tiny")
    yield server
    server.shutdown()
    server.server_close()


def test_the_commands_of_replicas_and_the_settings_that_find_them(home: Path) -> None:
    done = CliRunner().invoke(cli, ["command", "--kind", "vllm", "--replicas", "2"])
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    served = [line for line in lines if f"vllm serve {home / 'models' / 'base'}" in line]
    assert [line.split()[0] for line in served] == [f"CUDA_VISIBLE_DEVICES={n}" for n in (0, 1)]
    assert all("--max-loras 1 " in line for line in served)
    assert "export GENRE_SERVERS=http://127.0.0.1:8000,http://127.0.0.1:8001" in lines
    assert "export GENRE_SERVER_MODEL=base" in lines
    assert not (home / "state").exists()


@pytest.mark.parametrize("kind", ["vllm", "sglang", "lorax", "llamacpp"])
def test_the_settings_that_are_printed_are_those_that_a_worker_takes(home: Path, kind: str) -> None:
    done = CliRunner().invoke(cli, ["command", "--kind", kind, "--json"])
    printed = json.loads(done.stdout)
    assert printed["settings"]["GENRE_SERVER_KIND"] == kind and len(printed["servers"]) == 1
    assert printed["settings"]["GENRE_SERVER_MODEL"] in printed["servers"][0]
    assert bool(printed["before"]) is (kind == "llamacpp")


def test_another_kind_is_refused() -> None:
    done = CliRunner().invoke(cli, ["command", "--kind", "ollama"])
    assert "vllm, sglang, lorax, llamacpp, got 'ollama'" in str(done.exception)


def test_a_check_ends_with_0_or_with_a_line_for_each_fault_and_1(fake: Fake) -> None:
    fake.pages = {"/version": {"version": "0.32.0"}, "/v1/load_lora_adapter": 405}
    done = CliRunner().invoke(cli, ["check"])
    assert (done.exit_code, done.stdout) == (0, "every server is as it must be\n")
    done = CliRunner().invoke(cli, ["check", "--version", "0.9.1"])
    assert done.exit_code == 1
    assert done.stdout == f"{fake.url} is version 0.32.0, and 0.9.1 is expected\n"
    done = CliRunner().invoke(cli, ["check", "--json"])
    assert json.loads(done.stdout) == {"wrong": [], "versions": {fake.url: "0.32.0"}}


def test_a_check_without_servers_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GENRE_SERVERS", raising=False)
    assert "GENRE_SERVERS" in str(CliRunner().invoke(cli, ["check"]).exception)
