from __future__ import annotations

from dataclasses import replace

from genre_models.corpora.corpus import Corpus
from genre_models.training import Recipe
from genre_models.training.texts.pool import Pool
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
    pool = Pool(corpora, recipe)
    assert (pool.corpus.genre, pool.family, pool.corpus.licence) == ("pooled", "pooled", "CC0; MIT")
    tokenizer = make_tokenizer()
    training, held_out = pool.examples(tokenizer)
    assert (len(training), len(held_out), len(pool.corpus.training)) == (12, 4, 12)
    twice, same = replace(pool, recipe=replace(recipe, requests=2)).examples(tokenizer)
    assert (len(twice), same) == (24, held_out) and len(set(twice)) > 12  # asked for in other words
    assert "joke" in tokenizer.decode(training[0].ids) and "sonnet" in tokenizer.decode(
        training[-1].ids
    )
    assert (
        Pool(corpora[:1], recipe).corpus is corpora[0]
        and Pool(corpora[:1], recipe).family == "humour"
    )
