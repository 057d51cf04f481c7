"""What is wrong with a server is one line, for every kind and every fault."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from genre_models.engine.remote_check import Inspection, differing
from genre_models.engine.remote_commands import Needs
from genre_models.engine.remote_server import Kind
from tests.genre_models.engine.serving import Fake

ONE, TWO = "joke@0123456789ab", "poetry@0123456789ab"
NEEDS = Needs(
    folders={ONE: Path("/store/1"), TWO: Path("/store/2")}, linears=("q_proj",), rank=16, rows=16
)
HEALTHY: dict[Kind, dict[str, Any]] = {
    "vllm": {"/version": {"version": "0.32.0"}, "/v1/load_lora_adapter": 405},
    "sglang": {"/get_server_info": {"version": "0.5", "enable_lora": True, "max_lora_rank": 16}},
    "lorax": {"/info": {"version": "0.12", "model_id": "tiny"}},
    "llamacpp": {"/props": {"build_info": "b7000"}},
}
LIMITED = {"vllm_config": {"lora_config": {"max_lora_rank": 8}}}


def wrong(fake: Fake, kind: Kind, base: str = "tiny", needs: Needs = NEEDS) -> list[str]:
    """What is wrong, without the server's address."""
    lines = Inspection(fake.url, kind, base, needs, 5.0).wrong()
    assert all(line.startswith(fake.url) and "\n" not in line for line in lines)
    return [line.removeprefix(fake.url).strip() for line in lines]


@pytest.mark.parametrize("kind", HEALTHY)
def test_nothing_is_wrong_with_a_healthy_server(fakes: list[Fake], kind: Kind) -> None:
    fakes[0].pages = HEALTHY[kind]
    fakes[0].loaded = {ONE: "", TWO: ""} if kind == "llamacpp" else {}
    assert wrong(fakes[0], kind) == []
    assert fakes[0].asked == []


@pytest.mark.parametrize("kind", HEALTHY)
def test_another_base_model_is_named(fakes: list[Fake], kind: Kind) -> None:
    fakes[0].pages = HEALTHY[kind]
    fakes[0].loaded = {ONE: "", TWO: ""}
    (line,) = wrong(fakes[0], kind, base="large")
    assert "runs 'tiny'" in line and "'large'" in line


@pytest.mark.parametrize("kind", HEALTHY)
def test_another_kind_of_server_is_said(fakes: list[Fake], kind: Kind) -> None:
    (line,) = wrong(fakes[0], kind)
    assert f"is no {kind} that GENRE knows" in line and "404" in line


@pytest.mark.parametrize("kind", HEALTHY)
def test_nobody_there_is_said(kind: Kind) -> None:
    (line,) = Inspection("http://127.0.0.1:1", kind, "tiny", NEEDS, 1.0).wrong()
    assert "127.0.0.1:1" in line and "Connection refused" in line


@pytest.mark.parametrize("kind", HEALTHY)
@pytest.mark.parametrize("page", [[], 7, "x", {"data": 7}, {"data": [7, {"id": []}]}, 500, b"{"])
def test_whatever_a_server_answers_is_a_line(fakes: list[Fake], kind: Kind, page: Any) -> None:
    fakes[0].pages = dict.fromkeys(
        (*HEALTHY[kind], "/v1/models", "/lora-adapters", "/server_info?config_format=json"), page
    )
    assert wrong(fakes[0], kind)


@pytest.mark.parametrize(
    ("kind", "pages", "faults"),
    [
        (
            "vllm",
            {"/v1/load_lora_adapter": 404},
            ["VLLM_ALLOW_RUNTIME_LORA_UPDATING=1", f"does not know the adapter {TWO}"],
        ),
        ("vllm", {"/server_info?config_format=json": LIMITED}, ["ranks up to 8"]),
        ("sglang", {"/get_server_info": {"max_lora_rank": 8}}, ["ranks up to 8"]),
        (
            "sglang",
            {"/get_server_info": {"enable_lora": False}},
            ["without --enable-lora", f"does not know the adapter {TWO}"],
        ),
        ("llamacpp", {}, [f"does not know the adapter {TWO}"]),
    ],
)
def test_adapters_that_cannot_be_used_are_said(
    fakes: list[Fake], kind: Kind, pages: dict[str, Any], faults: list[str]
) -> None:
    fakes[0].pages = HEALTHY[kind] | pages
    fakes[0].loaded = {ONE: ""}
    lines = wrong(fakes[0], kind)
    assert len(lines) == len(faults)
    assert all(fault in line for fault, line in zip(faults, lines, strict=True))
    assert wrong(fakes[0], kind, needs=replace(NEEDS, folders={}, rank=0)) == []


def test_another_version_than_expected_or_than_the_others_is_said(fakes: list[Fake]) -> None:
    inspections = []
    for fake, version in zip(fakes, ("0.32.0", "0.9.1"), strict=True):
        fake.pages = HEALTHY["vllm"] | {"/version": {"version": version}}
        inspections.append(Inspection(fake.url, "vllm", "tiny", NEEDS, 5.0))
        assert inspections[-1].wrong() == []
    (line,) = differing(inspections, None)
    assert line == f"{fakes[1].url} is version 0.9.1, and 0.32.0 is expected"
    assert len(differing(inspections, "0.9.1")) == 1 and len(differing(inspections, "1")) == 2
