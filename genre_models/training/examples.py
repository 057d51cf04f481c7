"""What the trainer reads: token ids of prompt and text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from genre_models.corpora import Text
from genre_models.engine.prompt import chat_prompt, encode
from genre_models.training.requests import write_requests

MOST_TOKENS = 320  # prompt and text; longer texts are left out


@dataclass(frozen=True, slots=True)
class Example:
    """`ids` = prompt, text and end of text; the loss counts from `start` on, where the text begins."""

    ids: tuple[int, ...]
    start: int


def make_examples(tokenizer: Any, instruction: str, texts: Sequence[Text], seed: int) -> list[Example]:
    """One example a text, in the very prompt that the engine builds."""
    pairs = zip(texts, write_requests(texts, seed), strict=True)
    made = (make_example(tokenizer, instruction, request, text.text) for text, request in pairs)
    return [example for example in made if len(example.ids) <= MOST_TOKENS]


def make_example(tokenizer: Any, instruction: str, request: str, text: str) -> Example:
    """A text as the answer to a request."""
    prompt, _ = encode(tokenizer, chat_prompt(instruction=instruction, request=request), MOST_TOKENS)
    answer = tokenizer(text, add_special_tokens=False, split_special_tokens=True).input_ids
    return Example((*prompt, *answer, tokenizer.eos_token_id), len(prompt))


def batches(order: Sequence[int], lengths: Sequence[int], size: int, window: int = 16) -> Iterator[list[int]]:
    """Batches of similar length: `order` is sorted by length within windows of 16 batches."""
    for start in range(0, len(order), size * window):
        block = sorted(order[start : start + size * window], key=lambda index: lengths[index])
        yield from (block[at : at + size] for at in range(0, len(block), size))
