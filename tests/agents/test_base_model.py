"""One setting names the base model for everything."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from agents.base_model import (
    base_folder,
    known_base,
    own_store,
    served_name,
)
from agents.train.workshop import order_of
from genre_models.training.texts.store import TextStore
from genre_models.weights import prepare_base
from schemas.errors import ModelError
from schemas.training import TrainingEvent
from streams.settings import Settings
from tests.genre_models.tiny import make_base

ROOT = Path(__file__).parents[2]


def test_every_user_takes_the_base_that_is_set(tmp_path: Path) -> None:
    make_base(tmp_path / "mine")
    given = Settings(models=tmp_path / "models", base=str(tmp_path / "mine"))
    made = prepare_base(given.base, given.models)
    assert base_folder(given) == made != base_folder(Settings(models=given.models))
    order = order_of(TrainingEvent(kind="train", genre="haiku"), "j", given, TextStore(tmp_path))
    assert order.base_folder == made


def test_nobody_names_the_packaged_base_by_hand() -> None:
    sources = [*ROOT.glob("agents/**/*.py"), *ROOT.glob("benchmarks/**/*.py")]
    assert not [path for path in sources if re.search(r'models\)? / "base"', path.read_text())]


def test_a_base_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="GENRE_BASE"):
        base_folder(Settings(base=str(tmp_path / "gone")))


def test_a_base_that_is_not_prepared_says_what_prepares_it(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="run `genre prepare`"):
        own_store(Settings(models=tmp_path, base="acme/write@v1"))


def test_a_role_without_the_model_knows_its_base_or_says_that_it_does_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    spec = make_base(tmp_path / "base-mine")
    prepared = Settings(models=tmp_path, base=str(tmp_path / "base-mine"))
    assert known_base(prepared) == spec.fingerprint and not caplog.messages
    for base, got in (
        ("acme/write@v1", "run `genre prepare`"),
        (str(tmp_path / "gone"), "GENRE_BASE"),
    ):
        caplog.clear()
        assert known_base(Settings(models=tmp_path, base=base)) is None
        (said,) = caplog.messages
        assert said.startswith("adapters of every base model are planned") and got in said


@pytest.mark.parametrize(
    ("base", "served", "name"),
    [
        ("", "", ""),
        ("acme/write@v1", "", "acme/write"),
        ("acme/write@v1", "mine", "mine"),
        ("/models/write", "", "/models/write"),
    ],
)
def test_servers_know_the_base_by_its_name(base: str, served: str, name: str) -> None:
    assert served_name(Settings(base=base, server_model=served)) == name
