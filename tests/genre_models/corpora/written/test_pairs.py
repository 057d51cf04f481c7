"""Written pairs: read whole or refused with their line; what is held out is never trained on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from genre_models.corpora.written import FOLDER, read_pairs, written
from genre_models.corpora.written.pairs import HELD_OUT, LICENCE
from genre_models.taxonomy import Taxonomy
from schemas.errors import ModelError


def write(file: Path, *pairs: tuple[str, str]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    lines = (json.dumps({"request": request, "text": text}) for request, text in pairs)
    file.write_text("".join(f"{line}\n" for line in lines))


def test_a_genre_has_pairs_to_train_on_and_pairs_held_out(tmp_path: Path) -> None:
    assert written("sms", "messages", tmp_path) is None
    write(
        tmp_path / "sms.jsonl", ("late, 10 min", " Running late: ten minutes! "), ("a", "b\u2028c")
    )
    write(tmp_path / HELD_OUT / "sms.jsonl", ("running late", "Stuck in traffic, sorry."))
    corpus = written("sms", "messages", tmp_path)
    assert corpus is not None and corpus.licence == LICENCE
    assert [(text.request, text.text) for text in corpus.training] == [
        ("late, 10 min", "Running late: ten minutes!"),
        ("a", "b\u2028c"),
    ]
    assert [text.request for text in corpus.held_out] == ["running late"]
    assert {(text.genre, text.family) for text in corpus.training} == {("sms", "messages")}


@pytest.mark.parametrize(
    "line", ['{"request": "a"}', '{"request": "a", "text": " "}', "no", '{"text": 1}', "\udcff"]
)
def test_a_line_that_is_no_pair_is_named(line: str, tmp_path: Path) -> None:
    file = tmp_path / "sms.jsonl"
    file.write_bytes(b'{"request": "a", "text": "b"}\n' + line.encode(errors="surrogateescape"))
    with pytest.raises(ModelError, match=r"line 2 of sms\.jsonl") as caught:
        read_pairs(file)
    assert caught.value.code == "bad_pairs"


def test_every_file_belongs_to_a_genre_and_no_text_stands_on_both_sides() -> None:
    for file in FOLDER.glob("**/*.jsonl"):
        assert file.stem in Taxonomy.load() and read_pairs(file)
        held_out = {pair.text.casefold() for pair in read_pairs(FOLDER / HELD_OUT / file.name)}
        trained_on = [pair.text.casefold() for pair in read_pairs(FOLDER / file.name)]
        assert len(set(trained_on)) == len(trained_on) and held_out.isdisjoint(trained_on)
