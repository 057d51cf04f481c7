"""From instruction and request to tokens, so that what people write can never become markup."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from typing import Any

from jinja2.exceptions import TemplateError

# private-use characters stand for the contents while the template is rendered
SYSTEM, USER = "\ue000", "\ue001"
BOTH = f"{SYSTEM}\n\n{USER}"
SLOTS = re.compile(f"([{SYSTEM}{USER}])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """A chat prompt's two contents: how to write, and what is asked for; no markup or tokens."""

    system: str
    user: str


def chat_prompt(*, instruction: str, request: str, notes: Sequence[str] = ()) -> Prompt:
    """The prompt for one candidate.

    Training and serving build it here, so that adapters read what they learned. `instruction` is
    the genre's, `notes` (one line each) say how, `request` is the user's own text.

    >>> chat_prompt(
    ...     instruction="You write jokes.", request="About cats.", notes=["Be dry."]
    ... ).system
    'You write jokes.\\nBe dry.'
    """
    return Prompt(system="\n".join([instruction, *notes]), user=request.strip())


def encode(tokenizer: Any, prompt: Prompt, limit: int) -> list[int]:
    """Token ids of `prompt` in the tokenizer's chat template, at most `limit` ids.

    Only the template's own text may become special tokens; the contents are tokenised apart, with
    special tokens split into plain text. What is too long loses the middle of its longest content.
    A template without a system role gets both contents in the user's message; where there is no
    template, each is a paragraph.
    """
    opening, rest = encode_apart(tokenizer, prompt, limit)
    return opening + rest


def encode_apart(tokenizer: Any, prompt: Prompt, limit: int) -> tuple[list[int], list[int]]:
    """The ids of `encode` in two parts: before what the user wrote, and from there on."""
    contents = {SYSTEM: prompt.system, USER: prompt.user}
    slots = _split(_rendered(tokenizer))
    parts = [_ids(tokenizer, contents.get(slot, slot), slot in contents) for slot in slots]
    cut = max(0, sum(map(len, parts)) - limit)
    longest = max(
        (ids for slot, ids in zip(slots, parts, strict=True) if slot in contents), key=len
    )
    fitted = [_without_middle(ids, cut) if ids is longest else ids for ids in parts]
    of_user = slots.index(USER)
    opening, rest = (chain.from_iterable(some) for some in (fitted[:of_user], fitted[of_user:]))
    return list(opening), list(rest)


def _rendered(tokenizer: Any) -> str:
    """The template around the two slots."""
    if tokenizer.chat_template is None:
        begin = tokenizer.bos_token if tokenizer.bos_token_id in tokenizer("").input_ids else ""
        return f"{begin}{BOTH}\n\n"
    user = {"role": "user", "content": USER}
    with suppress(TemplateError):
        rendered = _applied(tokenizer, [{"role": "system", "content": SYSTEM}, user])
        if SYSTEM in rendered:
            return rendered
    return _applied(tokenizer, [user | {"content": BOTH}])


def _applied(tokenizer: Any, messages: list[dict[str, str]]) -> str:
    # Models that can think aloud are told not to: what they write is the text.
    rendered: str = tokenizer.apply_chat_template(
        messages, tokenize=False, add_generation_prompt=True, enable_thinking=False
    )
    return rendered


def _split(rendered: str) -> list[str]:
    return [part for part in SLOTS.split(rendered) if part]


def _ids(tokenizer: Any, text: str, content: bool) -> list[int]:
    ids: list[int] = tokenizer(
        text, add_special_tokens=False, split_special_tokens=content
    ).input_ids
    return ids


def _without_middle(ids: list[int], cut: int) -> list[int]:
    """Requests say what they want at the beginning or at the end."""
    if not cut:
        return ids
    keep = max(0, len(ids) - cut)
    return ids[: keep - keep // 2] + ids[len(ids) - keep // 2 :]
