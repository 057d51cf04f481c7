"""Corpora: cleaning and splitting; on texts written for the tests."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from genre_models.corpora import Corpus, Text, load_corpus
from genre_models.corpora.corpus import EDITION
from schemas.errors import ModelError


def text(content: str, document: str = "d") -> Text:
    return Text(text=content, genre="joke", family="humour", source="here", document=document)


def corpus_of(folder: Path, texts: list[Text]) -> None:
    folder = folder / f"texts-{EDITION}"
    folder.mkdir(exist_ok=True)
    (folder / "joke.jsonl").write_bytes(b"\n".join(msgspec.json.encode(item) for item in texts))
    (folder / "joke.steps.json").write_bytes(b"[]")


def test_no_document_stands_on_both_sides(tmp_path: Path) -> None:
    corpus_of(tmp_path, [text(f"This is joke {i}", document=str(i // 3)) for i in range(600)])
    corpus = load_corpus("joke", tmp_path)
    assert {item.document for item in corpus.training}.isdisjoint(
        item.document for item in corpus.held_out
    )
    assert 60 <= len(corpus.held_out) < 63 and len(corpus.training) + len(corpus.held_out) == 600


def test_new_texts_move_nobody_to_the_other_side_and_change_the_digest(tmp_path: Path) -> None:
    texts = [text(f"This is joke {i}", document=str(i)) for i in range(300)]
    corpus_of(tmp_path, texts)
    before = load_corpus("joke", tmp_path)
    corpus_of(tmp_path, [*texts, text("One more joke", document="new")])
    after = load_corpus("joke", tmp_path)
    moved = {item.text for item in before.held_out} ^ {item.text for item in after.held_out}
    assert len(moved - {"One more joke"}) <= 1
    assert before.digest != after.digest


def test_the_digest_is_of_texts_and_their_requests() -> None:
    texts = [text(f"This is joke {i}", document=str(i)) for i in range(300)]
    made = [
        Corpus.split("joke", "", [replace(item, request=request) for item in texts])
        for request in ("", "a joke", "a pun")
    ]
    assert len({corpus.digest for corpus in made}) == 3
    plain = "\0".join(item.text for item in made[0].training)
    assert made[0].digest == hashlib.sha256(plain.encode()).hexdigest()


def test_a_sample_is_a_beginning(tmp_path: Path) -> None:
    corpus_of(tmp_path, [text(f"This is joke {i}", document=str(i)) for i in range(300)])
    corpus = load_corpus("joke", tmp_path)
    sample = corpus.sample(20, 10)
    assert (sample.training, sample.held_out) == (corpus.training[:20], corpus.held_out[:10])


def test_genres_without_a_corpus_are_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="political_speech"):
        load_corpus("haiku", tmp_path)
