"""What the trainer reads: token ids of prompt and text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from genre_models.corpora import Text
from genre_models.engine.prompt import chat_prompt, encode
from genre_models.training.texts.requests import Request, write_requests

MOST_TOKENS = 512  # prompt and text, of a story, say; longer texts are left out
WINDOW = 16  # batches
# Share of a text's loss that the words weigh which its request names. Left alone an adapter learns
# its genre and forgets what it is asked for. Weights that were once found by trial come to this:
# 3 where 6 % of the tokens are named (verse, prose), 1.5 where 12 % are (jokes, quotes).
NAMED = 1 / 6


@dataclass(frozen=True, slots=True)
class Example:
    """`ids` = prompt, text and end of text; the loss counts from `start` on, where the text begins.

    `named` says of each token from there on whether it belongs to a word that the request names.
    """

    ids: tuple[int, ...]
    start: int
    named: tuple[bool, ...]

    @property
    def counts(self) -> tuple[float, ...]:
        """How often the loss counts each of them: those named weigh a sixth of all, or more."""
        named = sum(self.named)
        others = len(self.named) - named
        often = max(1.0, NAMED / (1 - NAMED) * others / named) if named else 1.0
        return tuple(often if each else 1.0 for each in self.named)


def make_examples(
    tokenizer: Any, instruction: str, texts: Sequence[Text], seed: int
) -> list[Example]:
    """One example a text, in the very prompt that the engine builds."""
    pairs = zip(texts, write_requests(texts, seed), strict=True)
    made = (make_example(tokenizer, instruction, request, text.text) for text, request in pairs)
    return [example for example in made if len(example.ids) <= MOST_TOKENS]


def make_example(tokenizer: Any, instruction: str, request: Request, text: str) -> Example:
    """A text as the answer to a request."""
    prompt = encode(
        tokenizer, chat_prompt(instruction=instruction, request=request.text), MOST_TOKENS
    )
    answer = tokenizer(
        text, add_special_tokens=False, split_special_tokens=True, return_offsets_mapping=True
    )
    words = request.words
    within = {
        at
        for match in re.finditer(r"\w+", text)
        if match[0].casefold() in words
        for at in range(*match.span())
    }
    named = (not within.isdisjoint(range(begin, end)) for begin, end in answer.offset_mapping)
    return Example(
        (*prompt, *answer.input_ids, tokenizer.eos_token_id), len(prompt), (*named, False)
    )


def batches(order: Sequence[int], lengths: Sequence[int], size: int) -> Iterator[list[int]]:
    """Batches of similar length: `order`, sorted by length in windows of 16 batches."""
    for start in range(0, len(order), size * WINDOW):
        block = sorted(order[start : start + size * WINDOW], key=lambda index: lengths[index])
        yield from (block[at : at + size] for at in range(0, len(block), size))
