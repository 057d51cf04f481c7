"""`genre data`: what it says of texts written for the test; nothing is downloaded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import orjson
import pytest
from typer.testing import CliRunner

from agents.main import cli
from genre_models.classification.examples import Example
from genre_models.corpora import EXTRACTORS
from genre_models.corpora.extractor import Cut
from schemas.errors import ModelError, Rejected
from tests.genre_models.safety.toy import Toy

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


@pytest.fixture(name="toy")
def _toy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents.commands.data.prepare_encoder", lambda folder: folder)
    monkeypatch.setattr(
        "agents.commands.data.SentenceEncoder", SimpleNamespace(load=lambda folder: Toy())
    )


EXAMPLES = "Text;LABEL;source\n" + "".join(
    f'"a {form} about a {noun}"; {label};me {noun}\n'
    for form, label in (("joke", "joke"), ("memo", "7"), ("poem", "poem"))
    for noun in NOUNS
)


@pytest.mark.usefixtures("toy")
def test_texts_are_labelled_in_their_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents.commands.data._TOGETHER", 2)
    monkeypatch.setattr("agents.commands.data._SHOWN", 2)
    (tmp_path / "examples.csv").write_text(EXAMPLES)
    (tmp_path / "texts.jsonl").write_text(
        '{"text": "a memo about a lamp"}\n\n{"text": " "}\n[1]\n{"text": "a joke"}\n{"text"'
    )
    lines = run("label", str(tmp_path / "examples.csv"), str(tmp_path / "texts.jsonl"))
    first, blank, array, joke, broken = map(orjson.loads, lines.splitlines())
    assert (first["line"], first["text"], first["label"]) == (1, "a memo about a lamp", "7")
    assert first["probability"] > 0.5
    assert [{*each} for each in first["alternatives"]] == [{"label", "probability"}]
    assert (joke["line"], joke["label"]) == (5, "joke")
    assert [each["error"]["code"] for each in (blank, array, broken)] == ["bad_source"] * 3
    assert "a text that is not blank in line 3 of texts.jsonl, got ' '" in blank["error"]["message"]


@pytest.mark.usefixtures("toy")
def test_what_is_learned_from_is_what_the_file_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learned: list[Example] = []
    monkeypatch.setattr(
        "agents.commands.data.fitted", lambda examples, encoder: learned.extend(examples)
    )
    (tmp_path / "examples.jsonl").write_text(
        '{"text": "a ", "label": " one ", "source": " me "}\n{"Text": "b", "label": 2.5}\n'
        '{"text": "c", "label": 3, "source": 9}\n{"text": "d", "label": "e", "source": " "}'
    )
    (tmp_path / "texts.csv").write_bytes("text\n".encode("utf-16"))
    assert run("label", str(tmp_path / "examples.jsonl"), str(tmp_path / "texts.csv")) == ""
    assert learned == [
        Example("a ", "one", "me"),
        Example("b", "2.5", ""),
        Example("c", "3", "9"),
        Example("d", "e", ""),
    ]


@pytest.mark.usefixtures("toy")
@pytest.mark.parametrize(
    ("examples", "message"),
    [
        ("text,label\na,one\nb,one \n", "Expected texts with two labels or more, got 1"),
        ("text,label\na,\n", "Expected a label that is not blank in line 2"),
        (
            '{"text": "a", "label": 1, "source": [2]}',
            "Expected a source that is not blank in line 1",
        ),
        ('{"text": "a", "Text": "b", "label": "c"}', "Expected each name once in line 1"),
        ('{"text": "a", "label": true}', "Expected a label that is not blank in line 1"),
        ("text,kind\na,one\n", "columns text and label"),
        ("", "Expected text in examples.csv, got an empty file"),
    ],
)
def test_examples_that_are_none_are_refused(tmp_path: Path, examples: str, message: str) -> None:
    (tmp_path / "examples.csv").write_text(examples)
    (tmp_path / "texts.csv").write_text("text\na\n")
    with pytest.raises(Rejected, match=message):
        run("label", str(tmp_path / "examples.csv"), str(tmp_path / "texts.csv"))
