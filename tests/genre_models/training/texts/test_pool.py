"""What adapters are trained on: pairs with their own requests first, then corpora that are free."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from genre_models.corpora.corpus import Corpus
from genre_models.training import Recipe
from genre_models.training.texts import pool as pools
from genre_models.training.texts.pool import Pool
from schemas.errors import ModelError
from tests.genre_models.corpora.written.test_pairs import write
from tests.genre_models.tiny import make_tokenizer
from tests.genre_models.training.sentences import texts


def test_a_pool_takes_equal_shares_and_each_text_has_its_own_prompt() -> None:
    recipe = Recipe(texts=12, held_out=4)
    corpora = [
        Corpus(
            genre=genre, licence=licence, training=texts(40, seed), held_out=texts(9, seed + 1)
        ).sample(6, 2)
        for genre, licence, seed in (("joke", "MIT", 1), ("sonnet", "CC0", 3))
    ]
    pool = Pool("pooled", corpora, recipe)
    assert (pool.corpus.genre, pool.family, pool.corpus.licence) == ("pooled", "pooled", "CC0; MIT")
    tokenizer = make_tokenizer()
    training, held_out = pool.examples(tokenizer)
    assert (len(training), len(held_out), len(pool.corpus.training)) == (12, 4, 12)
    twice, same = replace(pool, recipe=replace(recipe, requests=2)).examples(tokenizer)
    assert (len(twice), same) == (24, held_out) and len(set(twice)) > 12  # asked for in other words
    assert "joke" in tokenizer.decode(training[0].ids) and "sonnet" in tokenizer.decode(
        training[-1].ids
    )
    assert Pool("joke", corpora[:1], recipe).corpus == corpora[0]
    assert Pool("joke", corpora[:1], recipe).family == "humour"


def corpus_of(genre: str, _cache: Path) -> Corpus:
    return Corpus(genre=genre, licence="MIT", training=texts(9, 1), held_out=texts(9, 2))


def test_a_genre_is_trained_on_its_pairs_and_then_on_a_corpus_that_is_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pools, "load_corpus", corpus_of)
    for genre in ("joke", "sms"):
        write(
            tmp_path / f"{genre}.jsonl", ("about owls, dry", "An owl walks in."), ("cats", "Meow.")
        )
        write(tmp_path / "held_out" / f"{genre}.jsonl", ("dogs", "Woof."))
    recipe = Recipe(texts=6, held_out=3)
    joke = Pool.load("joke", recipe, tmp_path, tmp_path).corpus
    assert [text.request for text in joke.training] == ["about owls, dry", "cats", "", "", "", ""]
    assert [text.request for text in joke.held_out] == ["dogs", "", ""]
    assert joke.licence == "Apache-2.0; MIT"
    # What is not free is for its owner alone.
    assert len(Pool.load("sms", recipe, tmp_path, tmp_path).corpus.training) == 2
    assert len(Pool.load("riddle", recipe, tmp_path, tmp_path).corpus.training) == 6
    pooled = Pool.load("pooled", replace(recipe, texts=2, held_out=2), tmp_path, tmp_path)
    assert [text.request for text in pooled.corpus.training] == ["about owls, dry"] * 2
    with pytest.raises(ModelError, match="headline"):
        Pool.load("headline", recipe, tmp_path, tmp_path)


def test_pairs_are_enough_where_the_corpus_cannot_be_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def offline(genre: str, _cache: Path) -> Corpus:
        raise ModelError("no_package", f"expected the texts of {genre}, got no network")

    monkeypatch.setattr(pools, "load_corpus", offline)
    write(tmp_path / "joke.jsonl", ("about owls", "An owl walks in."))
    with pytest.raises(ModelError, match="texts of joke to judge by"):
        Pool.load("joke", Recipe(), tmp_path, tmp_path)
    write(tmp_path / "held_out" / "joke.jsonl", ("about cats", "Meow."))
    assert len(Pool.load("joke", Recipe(), tmp_path, tmp_path).corpus.training) == 1
    assert "joke is trained on its pairs alone" in caplog.text
    with pytest.raises(ModelError, match="no network"):
        Pool.load("riddle", Recipe(), tmp_path, tmp_path)


def test_a_pair_is_trained_on_as_it_was_asked_for(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "held_out"):
        write(
            folder / "sms.jsonl", ("tell ANNA i am late, 10 min", "Sorry Anna, ten minutes late.")
        )
    tokenizer = make_tokenizer()
    training, _ = Pool.load("sms", Recipe(), tmp_path, tmp_path).examples(tokenizer)
    asked = tokenizer.decode(training[0].ids[: training[0].start])
    assert "tell ANNA i am late, 10 min" in asked and any(training[0].named)
