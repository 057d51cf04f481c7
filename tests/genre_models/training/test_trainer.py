"""Training on the tiny model: it learns, it is peft underneath, and what it writes is a valid
adapter."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from transformers import LlamaForCausalLM

from genre_models.adapters import BaseSpec, read_adapter
from genre_models.corpora import Text
from genre_models.corpora.corpus import Corpus
from genre_models.training import Recipe, train
from genre_models.training.publishing import publish
from genre_models.training.texts.examples import Example, batches, make_example, make_examples
from genre_models.training.texts.pool import Pool
from genre_models.training.texts.requests import Request, write_requests
from genre_models.training.top_half import TopHalf
from genre_models.training.trainer import fit
from tests.genre_models.tiny import make_base, make_tokenizer

WORDS = ("cat", "dog", "sea", "tree", "moon", "road")
RECIPE = Recipe(batch=4, epochs=2, learning_rate=1e-2)


def texts(number: int, seed: int) -> tuple[Text, ...]:
    chance = random.Random(seed)
    sentences = [
        f"The {chance.choice(WORDS)} saw a {chance.choice(WORDS)} and laughed."
        for _ in range(number)
    ]
    return tuple(
        Text(text=line, genre="joke", family="humour", source="here", document=str(i))
        for i, line in enumerate(sentences)
    )


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("base")
    make_base(folder)
    return folder


def test_training_improves_held_out_loss_and_publishes_what_it_measured(
    base: Path, tmp_path: Path
) -> None:
    corpus = Corpus(genre="joke", licence="CC0", training=texts(32, 1), held_out=texts(8, 2))
    training = make_examples(make_tokenizer(), "Write.", corpus.training, 1)
    held_out = make_examples(make_tokenizer(), "Write.", corpus.held_out, 1)
    trained = train(LlamaForCausalLM.from_pretrained(base), training, held_out, RECIPE)
    assert trained.loss < 0.8 * trained.base_loss
    name = publish(tmp_path / "joke", corpus, "humour", trained, RECIPE, BaseSpec.load(base))
    adapter = read_adapter(tmp_path / "joke", BaseSpec.load(base), name.digest)
    assert adapter.card.lineage.data == corpus.digest and "CC0" in adapter.card.licence
    assert {site.split(".")[2] for site in adapter.tensors} == {"1"}  # the top half of two layers
    published = PeftModel.from_pretrained(
        LlamaForCausalLM.from_pretrained(base), tmp_path / "joke"
    ).eval()
    assert _mean_loss(published, held_out) == pytest.approx(trained.loss, rel=1e-2)
    assert _mean_loss(LlamaForCausalLM.from_pretrained(base), held_out) == pytest.approx(
        trained.base_loss, rel=1e-4
    )


def _mean_loss(model: torch.nn.Module, examples: list[Example]) -> float:
    """Mean over all target tokens by the whole model, one text at a time."""
    losses = []
    for example in examples:
        ids = torch.tensor([example.ids])
        with torch.no_grad():
            scores = model(ids).logits[0, :-1].log_softmax(-1)
        losses += [
            -float(scores[at - 1, ids[0, at]]) for at in range(example.start, len(example.ids))
        ]
    return sum(losses) / len(losses)


@pytest.mark.parametrize(
    "instructions", [("Write.", "Write."), ("Write.", "Tell a tale."), ("", "Ä")]
)
def test_neither_padding_nor_a_shared_beginning_changes_a_loss(
    base: Path, instructions: tuple[str, ...]
) -> None:
    half = TopHalf(LlamaForCausalLM.from_pretrained(base), RECIPE)
    tokenizer = make_tokenizer()
    examples = [
        example
        for each in instructions
        for example in make_examples(tokenizer, each, texts(4, 3), 1)
    ]
    lowered = half.lower(examples)
    for example, item in zip(examples, lowered, strict=True):
        (alone,) = half.lower([example])
        assert item.example is example and torch.allclose(item.hidden, alone.hidden, atol=1e-4)
    one_by_one = torch.cat([half.losses([item]) for item in lowered])
    assert torch.allclose(half.losses(lowered), one_by_one, atol=1e-4)
    whole = half.peft.get_base_model()
    assert half.loss(lowered, 4) == pytest.approx(_mean_loss(whole, examples), abs=1e-4)


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


def test_the_loss_counts_the_text_and_its_end_only(base: Path) -> None:
    tokenizer = make_tokenizer()
    (example,) = make_examples(tokenizer, "Write.", texts(1, 4), 1)
    assert tokenizer.decode(example.ids[example.start :]) == texts(1, 4)[0].text + "<|im_end|>"
    half = TopHalf(LlamaForCausalLM.from_pretrained(base), RECIPE)
    assert len(half.losses(half.lower([example]))) == len(example.ids) - example.start


def test_requests_ask_for_words_that_few_texts_of_the_genre_have() -> None:
    names = [
        first + second
        for first in ("bal", "cor", "dun", "fir")
        for second in ("ana", "ebo", "ilu", "oge", "ust")
    ]
    corpus = [
        replace(text, text=f"{text.text} {name.title()}!")
        for text, name in zip(texts(20, 5), names, strict=True)
    ]
    requests = write_requests(corpus * 10, 1)
    asked = [request.topic == name for request, name in zip(requests, names * 10, strict=True)]
    assert 0.8 < sum(asked) / 200 < 0.97
    assert all(
        request.topic in request.text and request.topic in {*names, ""} for request in requests
    )
    assert requests == write_requests(corpus * 10, 1) != write_requests(corpus * 10, 2)


@pytest.mark.parametrize("said", ["The sea laughed.", "1 2 3"])
def test_texts_that_no_word_tells_apart_are_asked_for_without_a_topic(said: str) -> None:
    alike = [
        Text(text=said, genre="g", family="f", source="s", document=str(number))
        for number in range(40)
    ]
    assert {request.topic for request in write_requests(alike, 1)} == {""}


def test_the_loss_counts_words_that_the_request_names_more_often(base: Path) -> None:
    tokenizer = make_tokenizer()
    request = Request("a joke about dog and the Road", "dog and the Road")
    example = make_example(tokenizer, "Write.", request, "The Dog saw a dogma, the road and...")
    answer = example.ids[example.start :]
    assert len(answer) == len(example.named)
    named = [id for id, counts in zip(answer, example.named, strict=True) if counts]
    assert tokenizer.decode(named) == "Dogroad"
    pairs = [(Request("", text.text.split()[1]), text.text) for text in texts(48, 1)]
    examples = [make_example(tokenizer, "Write.", *pair) for pair in pairs]
    losses = {}
    for times in (1.0, 8.0):
        recipe = replace(RECIPE, named=times)
        half = TopHalf(LlamaForCausalLM.from_pretrained(base), recipe)
        lowered = half.lower(examples)
        half.load(fit(half, lowered[:32], lowered[32:], recipe).tensors)
        with torch.no_grad():
            losses[times] = half.losses(lowered[32:])
    named_tokens = torch.cat([item.named for item in lowered[32:]])
    means = {
        times: (float(each[named_tokens].mean()), float(each.mean()))
        for times, each in losses.items()
    }
    assert means[8.0][0] < means[1.0][0]  # the words that are named
    assert means[8.0][1] > means[1.0][1]  # at the cost of all others


def test_titles_are_asked_for_where_they_exist() -> None:
    titled = [
        Text(
            text=f"a tale {i}", genre="g", family="f", source="s", document="d", title=f"title {i}"
        )
        for i in range(50)
    ]
    assert (
        sum(
            text.title in request.text
            for text, request in zip(titled, write_requests(titled, 1), strict=True)
        )
        > 38
    )


def test_batches_hold_every_index_once_and_similar_lengths() -> None:
    lengths = [random.Random(i).randrange(100) for i in range(130)]
    made = list(batches(range(130), lengths, 8))
    assert sorted(index for batch in made for index in batch) == list(range(130))
    spread = [max(lengths[i] for i in batch) - min(lengths[i] for i in batch) for batch in made]
    assert sum(spread) / len(spread) < 15
