"""Bad answers that are made of good ones, by kind."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from genre_models.judging.signs import Answer

_PART = re.compile(r"(?<=[.!?…])\s+|\n+")
_NUMBER = re.compile(r"\d+")
_NAME = re.compile(r"\b[A-Z][a-z]{2,}\b")
_NEAREST = 5

OF_OTHER_MEANING = frozenset({"of another request", "of a similar request", "echo", "refusal"})
"""Kinds whose texts mean something else than the pair's: their embedding is not the pair's."""

_OPENINGS = (
    "Sure! Here is what you asked for:\n\n",
    "Certainly. Here's a text for you:\n\n",
    "Of course! Below is a draft that you can use:\n\n",
    "Here is a possible version: ",
    "I'd be happy to help with that. ",
    "Title: ",
)
_REFUSALS = (
    "I'm sorry, but I can't help with that request.",
    "As an AI language model, I don't have access to the details that this would need.",
    "I cannot write this text. Could you give me more information about what you need?",
    "I am unable to assist with that. Please let me know if there is anything else.",
)
_BLANKS = ("[Name]", "[Your Name]", "[Company]", "{name}", "[City]")


def spoiled(
    pairs: Sequence[Answer], embeddings: NDArray[np.float32], chance: random.Random
) -> list[tuple[str, int, Answer]]:
    """(kind, number of the pair, what became of it) for all pairs of one genre.

    `embeddings` [n, 384] are of the requests: texts of similar ones are the hard ones. A pair to
    which a kind cannot be done (no number to change) is left out of that kind.
    """
    alike = embeddings @ embeddings.T
    np.fill_diagonal(alike, -1.0)
    made = []
    for number, pair in enumerate(pairs):
        near = int(chance.choice(np.argsort(-alike[number])[:_NEAREST].tolist()))
        far = chance.choice([other for other in range(len(pairs)) if other != number])
        found = {
            "of another request": pairs[far].text,
            "of a similar request": pairs[near].text,
            "cut": _cut(pair.text, chance),
            "shuffled": _shuffled(pair.text, chance),
            "repeated": _repeated(pair.text, chance),
            "numbers changed": _numbers(pair, chance),
            "names changed": _names(pair, pairs[far], chance),
            "echo": _echo(pair, chance),
            "refusal": chance.choice(_REFUSALS),
            "preamble": chance.choice(_OPENINGS) + pair.text,
            "placeholder": _blanked(pair.text, chance),
        }
        made += [
            (kind, number, Answer(request=pair.request, text=text, broken_off=kind == "cut"))
            for kind, text in found.items()
            if text and text != pair.text
        ]
    return made


def _cut(text: str, chance: random.Random) -> str:
    words = text.split(" ")
    return " ".join(words[: max(1, int(len(words) * chance.uniform(0.3, 0.95)))]).rstrip(".!?…")


def _shuffled(text: str, chance: random.Random) -> str:
    """Where lines and paragraphs end stays: how a text is laid out must not tell it."""
    parts, gaps = _PART.split(text), _PART.findall(text)
    if len(parts) < 3:
        return ""
    chance.shuffle(parts)
    return "".join(chain(*zip(parts, [*gaps, ""], strict=True)))


def _repeated(text: str, chance: random.Random) -> str:
    parts = _PART.split(text)
    at = chance.randrange(len(parts))
    parts[at + 1 :] = [parts[at]] * chance.randint(1, 3) + parts[at + 1 :][: chance.randint(0, 2)]
    return ("\n" if "\n" in text else " ").join(parts)


def _numbers(pair: Answer, chance: random.Random) -> str:
    """Numbers of the request are others in the text."""
    asked = set(_NUMBER.findall(pair.request))

    def other(found: re.Match[str]) -> str:
        number = found.group()
        return str(int(number[:9]) + chance.randint(1, 9)) if number in asked else number

    return _NUMBER.sub(other, pair.text)


def _names(pair: Answer, another: Answer, chance: random.Random) -> str:
    """Names of the request are those of another."""
    asked, others = (set(_NAME.findall(each.request)) for each in (pair, another))
    mapping = {
        name: chance.choice(sorted(others - asked or {"Marlow", "Ines", "Tarvik"}))
        for name in sorted(asked)
        if name in pair.text
    }
    return _NAME.sub(lambda found: mapping.get(found.group(), found.group()), pair.text)


def _echo(pair: Answer, chance: random.Random) -> str:
    request = pair.request[:1].upper() + pair.request[1:]
    return chance.choice([request, f"{request}\n{request}", f"{request} {pair.text[:60]}"])


def _blanked(text: str, chance: random.Random) -> str:
    names = _NAME.findall(text)[1:]
    return text.replace(chance.choice(names), chance.choice(_BLANKS)) if names else ""
