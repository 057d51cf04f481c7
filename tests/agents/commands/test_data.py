"""`genre data`: what it says of texts written for the test; nothing is downloaded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner

from agents.main import cli
from genre_models.corpora import EXTRACTORS
from genre_models.corpora.extractor import Cut
from schemas.errors import ModelError

NOUNS = [
    "ferry",
    "lantern",
    "orchard",
    "parrot",
    "violin",
    "glacier",
    "saddle",
    "kitchen",
    "pepper",
    "window",
]


@pytest.fixture(autouse=True)
def _two_genres(monkeypatch: pytest.MonkeyPatch) -> None:
    def cut(cache: Path) -> Iterator[Cut]:
        for one in NOUNS:
            yield from (
                Cut(one, f"Why did the {one} ask the {other} about the weather?") for other in NOUNS
            )
        yield Cut("short", "Too short")

    monkeypatch.setitem(EXTRACTORS, "joke", replace(EXTRACTORS["joke"], cut=cut))


def run(*words: str) -> str:
    done = CliRunner().invoke(cli, ["data", *words], env={"COLUMNS": "240"}, catch_exceptions=False)
    return done.stdout


def test_fetch_counts_and_list_remembers(tmp_path: Path) -> None:
    fetched = orjson.loads(run("fetch", "joke", "--cache", str(tmp_path), "--json"))
    assert (fetched["training"], fetched["held_out"], fetched["removed"]) == (
        50,
        50,
        {"too_short": 1},
    )
    assert fetched["licence"] == "MIT" and fetched["free"] is True
    lines = [
        orjson.loads(line) for line in run("list", "--cache", str(tmp_path), "--json").splitlines()
    ]
    assert [line["genre"] for line in lines] == list(EXTRACTORS) and lines[0] == fetched
    assert all(line["training"] is None for line in lines[1:])


def test_people_read_a_line(tmp_path: Path) -> None:
    run("fetch", "joke", "--cache", str(tmp_path))
    row = next(
        line for line in run("list", "--cache", str(tmp_path)).splitlines() if "joke" in line
    )
    assert "too_short 1" in row and "MIT" in row


def test_a_genre_without_texts_is_refused_before_anything_is_fetched(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as refused:
        run("fetch", "joke", "haiku", "--cache", str(tmp_path))
    assert refused.value.code == "no_corpus" and not list(tmp_path.iterdir())
