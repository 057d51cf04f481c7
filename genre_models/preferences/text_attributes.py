"""Style attributes of a text, by counting: cheap, deterministic, the same in every process."""

from __future__ import annotations

import re
from math import log, tanh

ATTRIBUTES = (
    "length",
    "complexity",
    "formality",
    "dialogue",
    "humour",
    "excitement",
    "first_person",
    "imagery",
)

_WORD = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)?")
# These take each character once: what a mark opens and nothing closes is passed over as a whole.
_SENTENCE_END = re.compile(r"(?<![.!?…])[.!?…]++(?:\s|$)|\n{2,}")
_QUOTED = re.compile(r"[\"“«][^\"”»\n]{2,}+([\"”»])?|^[^\S\n]*([-\u2013\u2014])\s", re.MULTILINE)
_FORMAL_ENDING = re.compile(r"(?:tion|ment|ance|ence|ity|ical|ive|ously|fully)s?$")
_LAUGHTER = re.compile(
    r"(?i)\b(?:ha(?:ha)+|lol|lmao|hehe|oops|ouch|silly|funny|joke|pun|prank|giggl\w+|laugh\w*|ridiculous\w*"
    r"|why did|walks? into a bar|knock knock)\b|[😀-😆😂🤣😜😝🙃]|[:;]-?[)DP]"
)


def _lexicon(words: str) -> frozenset[str]:
    return frozenset(words.split())


_FORMAL = _lexicon(
    "accordingly furthermore hence henceforth hereby moreover notwithstanding pursuant regarding "
    "shall therefore thus whereas whom upon sincerely respectfully consequently however"
)
_CASUAL = _lexicon(
    "yeah yep nope gonna wanna gotta kinda sorta hey hi guys stuff cool awesome ok okay dude wow "
    "lol totally really"
)
_FIRST_PERSON = _lexicon(
    "i me my mine myself i'm i've i'd i'll we us our ours ourselves we're we've"
)
_SENSES = _lexicon(
    "red blue green golden silver black white crimson bright dark shining glow glowing light "
    "shadow shadows sun moon star stars sky sea wind rain snow fire stone river whisper whispers "
    "scent smell sweet bitter soft cold warm silence song dust night dawn dusk leaves flower "
    "flowers rose dancing burning gentle smoke salt honey velvet thunder trembling"
)


def text_attributes(text: str) -> dict[str, float]:
    """Each of `ATTRIBUTES` in [-1, 1]; 0 is an ordinary text of about 40 words.

    An empty text is all zero.

    >>> shown = text_attributes("Ha ha! Why did I laugh?")
    >>> {name: round(value, 1) for name, value in shown.items() if value}
    {'length': -1.0, 'complexity': -1.0, 'humour': 0.9, 'excitement': 0.8, 'first_person': 0.8}
    """
    words = [word.replace("\u2019", "'") for word in _WORD.findall(text.lower())]
    if not words:
        return dict.fromkeys(ATTRIBUTES, 0.0)
    sentences = max(1, len(_SENTENCE_END.findall(text)))
    return {
        "length": tanh((log(len(words)) - log(40)) / 0.8),
        "complexity": tanh((_coleman_liau(words, sentences) - 8) / 6),
        "formality": tanh(
            8
            * (
                _share(words, _FORMAL)
                + _endings(words) / 2
                - _share(words, _CASUAL)
                - _contractions(words) / 2
            )
        ),
        "dialogue": tanh(2 * sum(map(any, _QUOTED.findall(text))) / sentences),
        "humour": tanh(12 * len(_LAUGHTER.findall(text)) / (len(words) + 10)),
        "excitement": tanh(2 * (text.count("!") + _shouted(text)) / sentences),
        "first_person": tanh(6 * _share(words, _FIRST_PERSON)),
        "imagery": tanh(10 * _share(words, _SENSES)),
    }


def _coleman_liau(words: list[str], sentences: int) -> float:
    """US school grade, about 1-16 (Coleman and Liau, 1975): letters and sentences per 100 words."""
    letters = sum(map(len, words))
    return 0.0588 * 100 * letters / len(words) - 0.296 * 100 * sentences / len(words) - 15.8


def _share(words: list[str], lexicon: frozenset[str]) -> float:
    return sum(word in lexicon for word in words) / len(words)


def _endings(words: list[str]) -> float:
    return sum(len(word) > 6 and _FORMAL_ENDING.search(word) is not None for word in words) / len(
        words
    )


def _contractions(words: list[str]) -> float:
    return sum("'" in word for word in words) / len(words)


def _shouted(text: str) -> int:
    return sum(len(word) > 3 and word.isupper() for word in _WORD.findall(text))
