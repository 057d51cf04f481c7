"""The hub's refusals, each in one line; nothing here reaches it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from genre_models.bases.hub import fetch
from schemas.errors import ModelError
from tests.genre_models.tiny import make_base

ANSWER = httpx.Response(401, request=httpx.Request("GET", "https://hub.invalid"))


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (GatedRepoError("x", response=ANSWER), "base_gated", "accept its terms"),
        (RepositoryNotFoundError("x", response=ANSWER), "base_unavailable", "does not have"),
        (
            RevisionNotFoundError("no such\nrevision", response=ANSWER),
            "base_unavailable",
            "no such",
        ),
        (HfHubHTTPError("busy", response=ANSWER), "base_unavailable", "busy"),
        (LocalEntryNotFoundError("offline"), "base_unavailable", "offline"),
        (httpx.ConnectError("no route"), "base_unavailable", "no route"),
    ],
)
def test_what_cannot_be_fetched_is_told_in_one_line(
    error: Exception, code: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> str:
        raise error

    monkeypatch.setattr("huggingface_hub.snapshot_download", fail)
    with pytest.raises(ModelError, match=said) as refused:
        fetch("acme/write@v1")
    assert refused.value.code == code and "\n" not in refused.value.message


def test_the_configuration_is_checked_before_the_weights_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_base(tmp_path)
    asked: list[tuple[str, str | None, bool]] = []

    def give(name: str, revision: str | None, allow_patterns: list[str]) -> str:
        asked.append((name, revision, any("safetensors" in each for each in allow_patterns)))
        return str(tmp_path)

    monkeypatch.setattr("huggingface_hub.snapshot_download", give)
    assert fetch("acme/write@v1") == tmp_path
    assert asked == [("acme/write", "v1", False), ("acme/write", "v1", True)]
    (tmp_path / "config.json").write_text('{"model_type": "x", "auto_map": {}}')
    with pytest.raises(ModelError) as refused:
        fetch("acme/write")
    assert refused.value.code == "base_remote_code" and len(asked) == 3
