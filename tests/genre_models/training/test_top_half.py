"""The upper layers alone give the losses of the whole model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import LlamaForCausalLM

from genre_models.training.texts.examples import make_example, make_examples
from genre_models.training.texts.requests import Request
from genre_models.training.top_half import TopHalf
from genre_models.training.trainer import fit
from tests.genre_models.tiny import make_tokenizer
from tests.genre_models.training.sentences import RECIPE, mean_loss, texts


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
    assert half.loss(lowered, 4) == pytest.approx(mean_loss(whole, examples), abs=1e-4)


def test_the_loss_counts_the_text_and_its_end_only(base: Path) -> None:
    tokenizer = make_tokenizer()
    (example,) = make_examples(tokenizer, "Write.", texts(1, 4), 1)
    assert tokenizer.decode(example.ids[example.start :]) == texts(1, 4)[0].text + "<|im_end|>"
    half = TopHalf(LlamaForCausalLM.from_pretrained(base), RECIPE)
    assert len(half.losses(half.lower([example]))) == len(example.ids) - example.start


def test_the_loss_counts_words_that_the_request_names_more_often(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
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
    for share in (0.01, 0.8):
        monkeypatch.setattr("genre_models.training.texts.examples.NAMED", share)
        half = TopHalf(LlamaForCausalLM.from_pretrained(base), RECIPE)
        lowered = half.lower(examples)
        half.load(fit(half, lowered[:32], lowered[32:], RECIPE).tensors)
        with torch.no_grad():
            losses[share] = half.losses(lowered[32:])
    named_tokens = torch.tensor([named for item in lowered[32:] for named in item.example.named])
    means = {
        share: (float(each[named_tokens].mean()), float(each.mean()))
        for share, each in losses.items()
    }
    assert means[0.8][0] < means[0.01][0]  # the words that are named
    assert means[0.8][1] > means[0.01][1]  # at the cost of all others


def test_mixed_precision_gives_nearly_the_same_losses(base: Path) -> None:
    examples = make_examples(make_tokenizer(), "Write.", texts(6, 3), 1)
    exact, mixed = (
        TopHalf(LlamaForCausalLM.from_pretrained(base), replace(RECIPE, bf16=bf16))
        for bf16 in (False, True)
    )
    lowered = mixed.lower(examples)
    assert mixed.loss(lowered, 4) == pytest.approx(exact.loss(exact.lower(examples), 4), rel=0.01)
    mixed.losses(lowered).mean().backward()  # type: ignore[no-untyped-call]
    weights = [weight for weight in mixed.peft.parameters() if weight.requires_grad]
    assert all(weight.dtype == torch.float32 and weight.grad is not None for weight in weights)
