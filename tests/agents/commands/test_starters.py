"""`genre starters train`: adapters go into the store, and where --out says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agents.main import cli
from genre_models.training import starters
from tests.genre_models.corpora.written.test_pairs import write
from tests.genre_models.tiny import make_base
from tests.genre_models.training.conftest import lines


def test_adapters_are_made_once_and_put_where_they_are_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_base(tmp_path / "models" / "base")
    for place in ("", "held_out"):
        texts = ((f"the {text.split()[1]}", text) for text in lines(8, len(place)))
        write(tmp_path / "pairs" / place / "sms.jsonl", *texts)
    monkeypatch.setattr(starters.pools, "__kwdefaults__", {"pairs": tmp_path / "pairs"})
    environment = {f"GENRE_{name.upper()}": str(tmp_path / name) for name in ("models", "adapters")}
    environment |= {"GENRE_DEVICE": "cpu", "GENRE_THREADS": "1"}
    command = ["starters", "train", "sms", "--out", str(tmp_path / "out"), "--json"]

    def told() -> list[dict[str, object]]:
        done = CliRunner().invoke(cli, command, env=environment, catch_exceptions=False)
        assert done.exit_code == 0
        return [json.loads(line) for line in done.stdout.splitlines()]

    first, second = told(), told()
    assert [each["name"] for each in first] == [each["name"] for each in second]
    assert all(each["seconds"] is not None for each in first)
    assert all(each["seconds"] is None for each in second)
    for genre in ("pooled", "sms"):
        files = {file.name for file in (tmp_path / "out" / genre).iterdir()}
        assert files == {"adapter_config.json", "adapter_model.safetensors", "genre.json"}


def test_a_gpu_that_is_not_there_is_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    environment = {"GENRE_MODELS": str(tmp_path), "GENRE_DEVICE": "cuda:3"}
    done = CliRunner().invoke(cli, ["starters", "train"], env=environment)
    assert "got cuda:3 of 0" in str(done.exception)
