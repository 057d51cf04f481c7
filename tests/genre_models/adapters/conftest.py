"""A small adapter on disk, and the code with which it is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from genre_models.adapters import BaseSpec
from schemas.errors import ModelError
from tests.genre_models.tiny import make_adapter

BASE = BaseSpec(fingerprint="a" * 64, layers=2, hidden=48, intermediate=64, query=48, key_value=16)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_adapter(tmp_path / "joke", BASE)


def code_of(call: Callable[[], object]) -> str:
    with pytest.raises(ModelError) as refused:
        call()
    assert "expected" in refused.value.message
    return refused.value.code


def edit(file: Path, **changes: Any) -> None:
    file.write_text(json.dumps(json.loads(file.read_bytes()) | changes))
