"""How an adapter from elsewhere is taken in."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from agents.commands.adapters import _added
from agents.main import cli
from genre_models.adapters import AdapterStore, BaseSpec
from genre_models.adapters.files import CARD
from schemas.adapters import AdapterEvent
from schemas.errors import GenreError, Rejected
from streams.settings import Settings
from streams.wire.codecs import decode, encode
from tests.agents.genres.test_registry import registry
from tests.genre_models.tiny import make_adapter, make_base


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What a trainer saved for the base of this machine, without a genre.json."""
    base = make_base(tmp_path / "models" / "base")
    monkeypatch.setenv("GENRE_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("GENRE_ADAPTERS", str(tmp_path / "store"))
    folder = make_adapter(tmp_path / "saved", base)
    (folder / CARD).unlink()
    (folder / "README.md").write_text("# A model card")
    return folder


def store_of(folder: Path) -> AdapterStore:
    return AdapterStore(folder.parent / "store", BaseSpec.load(folder.parent / "models" / "base"))


def add(*arguments: object) -> str:
    """What `genre adapters add` prints."""
    done = CliRunner().invoke(cli, ["adapters", "add", *map(str, arguments)])
    if isinstance(done.exception, GenreError):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.output


def test_a_known_genre_needs_its_name_and_a_licence(folder: Path) -> None:
    said = add(folder, "--genre", "joke", "--licence", "MIT")
    (name,) = store_of(folder).names()
    assert said.startswith(f"{name}: taken: rank 8") and said.count("\n") == 1
    card = store_of(folder).verified(name).card
    assert (card.genre, card.family, card.licence) == ("joke", "humour", "MIT")


def test_what_it_does_to_texts_of_its_genre_is_measured(folder: Path) -> None:
    said = add(folder, "--genre", "joke", "--licence", "MIT", "--measure")
    assert "texts of joke: " in said and "with it" in said and said.count("\n") == 1


def test_a_new_genre_is_described_and_can_be_announced(folder: Path) -> None:
    new = ("--genre", "limerick_x", "--family", "verse", "--licence", "MIT")
    with pytest.raises(Rejected, match="--description and --instruction"):
        add(folder, *new)
    told = (
        "--description",
        "Five lines.",
        "--instruction",
        "You write.",
        "--request",
        "Write one.",
    )
    add(folder, *new, *told)
    (name,) = store_of(folder).names()
    event = _added(Settings.from_environment(), registry(), store_of(folder).path(name))
    assert decode(encode(event), AdapterEvent).requests == ("Write one.",)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "--genre, --family, --licence"),
        (("--genre", "joke"), "--licence"),
        (("--genre", "../joke", "--licence", "MIT"), "does not come with GENRE"),
        (("--genre", "joke", "--licence", "x" * 2001), "2000"),
        (("--genre", "joke", "--licence", "MIT", "--request", ""), "requests"),
    ],
)
def test_what_is_missing_or_wrong_is_said_in_one_line(
    folder: Path, options: tuple[str, ...], said: str
) -> None:
    with pytest.raises(GenreError) as refused:
        add(folder, *options)
    assert said in refused.value.message and "\n" not in refused.value.message
    assert store_of(folder).names() == []


def test_a_disk_that_is_full_leaves_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(GenreError, match="No space left") as refused:
        add(folder, "--genre", "joke", "--licence", "MIT")
    assert refused.value.code == "adapter_store"
    assert list((folder.parent / "store").iterdir()) == []
