"""What can be counted of a request and a text: signs of a good answer and of a bad one."""

# ruff: noqa: RUF001, SIM905  signs as people write them; words read better than quoted lists
from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from math import log1p

import numpy as np
from numpy.typing import NDArray

from genre_models.endings import ANY
from genre_models.evasions import placeholder, refuses
from genre_models.text_quality import shingles, similarity, variety

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_MEASURED = re.compile(r"(?<!\d)(\d++(?:[.,:]\d++)*+)[\s-]?([^\W\d_]+|[%°€$£])")
_NAME = re.compile(r"(?<=[\w,;’'] )[^\W\d_a-z][^\W\d_]+")
_SENTENCE = re.compile(r"(?<=[.!?…])[\"”’)]*\s+|\n+")
_STOP = frozenset(
    "a about after again all also am an and any are as at be because been before being but by can "
    "could did do does doing down during each few for from further get had has have having he her "
    "here him his how i if in into is it its just like make may me more most much must my need no "
    "nor not of off on once only or other our out over own please she should so some such than "
    "that the their them then there these they this those through to too under until up us very "
    "want was we were what when where which while who whom why will with would write you your "
    "give tell something one two text short".split()
)
_NOT = frozenset("no not never none nobody nothing without cannot".split())
_PREAMBLE = re.compile(
    r"\A\W*(?:sure|certainly|of course|absolutely|okay|great|here(?:['’]s| is| are)\b.{0,80}:\s|"
    r"(?:below|this|the following) is (?:a|an|the)\b.{0,80}:\s|title:|text:|answer:|response:|"
    r"output:|as requested|i(?:['’]d| would) be happy|i(?:['’]ve| have) written|let['’]s )",
    re.IGNORECASE,
)
_ABOUT_TASK = re.compile(
    r"\b(?:this (?:text|request|prompt|response|task)|the (?:prompt|request|user|task)\b|"
    r"word count|in (?:conclusion|summary),|it(?:['’]s| is) (?:important|essential|crucial) to|"
    r"i hope this helps|let me know if|feel free to|the (?:text|description|email) should)",
    re.IGNORECASE,
)
_CONNECTS = re.compile(
    r"\A\W*(?:and|but|so|then|also|therefore|however|instead|otherwise|she|he|they|it|her|his|"
    r"their|this|that|these|those)\b",
    re.IGNORECASE,
)
_GREETS = re.compile(
    r"\A\W*(?:dear|hi|hello|hey|greetings|good (?:morning|afternoon|evening))\b", re.IGNORECASE
)
_SIGNS_OFF = re.compile(
    r"\A\W*(?:(?:best|kind|warm) (?:regards|wishes)|regards|sincerely|yours|love|cheers)\b",
    re.IGNORECASE,
)
_CLOSING = 3  # sentences at the end in which a letter signs off
_MARKUP = re.compile(r"\*\*|^#+ |^[ \t]{0,8}[-*] |`", re.MULTILINE)
_ENDS = re.compile(r"[.!?…。！？][\"”’)\]*_]*\s*\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A text that was written for a request; `broken_off` where it lacks its end."""

    request: str
    text: str
    broken_off: bool = False


SIGNS = {
    "alike": "is not about the request",
    "covers": "leaves out what the request names",
    "names": "lacks names of the request",
    "numbers": "lacks numbers of the request",
    "measures": "lacks measures of the request",
    "new_numbers": "invents numbers",
    "new_names": "invents names",
    "copied": "repeats the request",
    "echo": "echoes the request",
    "refusal": "refuses",
    "preamble": "has a preamble",
    "placeholder": "leaves a placeholder",
    "task": "speaks of the task",
    "phrases": "repeats phrases",
    "sentences": "repeats sentences",
    "openings": "begins sentences alike",
    "contradiction": "contradicts itself",
    "broken_off": "breaks off",
    "unclosed": "has no closing mark",
    "middle": "begins in the middle",
    "opening": "comes late to what was asked",
    "close": "ends on an unusual sentence",
    "introductions": "speaks of things before it introduces them",
    "letter": "greets or signs off in the middle",
    "length": "is of an unusual length",
    "shortness": "is very short",
    "sentence_length": "has sentences of an unusual length",
    "own_words": "says little of its own",
    "different_words": "uses few different words",
    "markup": "has mark-up",
    "questions": "asks",
    "punctuation": "is punctuated unusually",
    "first_person": "speaks of the writer",
    "second_person": "speaks to the reader",
}
"""The columns of `signs`, and what is said where one speaks against a text."""


def signs(
    answers: Iterable[Answer], requests: NDArray[np.float32], texts: NDArray[np.float32]
) -> NDArray[np.float64]:
    """[n, len(SIGNS)]; `requests` and `texts` are the embeddings of both: unit rows [n, 384]."""
    read: dict[str, _Request] = {}  # the drafts of a request come together
    rows = []
    for answer, request, text in zip(answers, requests, texts, strict=True):
        if answer.request not in read:
            read[answer.request] = _Request.of(answer.request)
        rows.append(_signs(answer, read[answer.request], float(request @ text)))
    return np.array(rows).reshape(-1, len(SIGNS))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    """What texts are compared with."""

    words: list[str]
    content: set[str]
    names: set[str]
    spelled: set[str]
    numbers: set[str]
    measures: set[str]
    grams: frozenset[str]

    @classmethod
    def of(cls, request: str) -> _Request:
        words = _words(request)
        return cls(
            words=words,
            content=_content(words),
            names=_names(request),
            spelled=set(_WORD.findall(request)),
            numbers=set(_NUMBER.findall(request)),
            measures=_measures(request),
            grams=shingles(request),
        )


def _signs(answer: Answer, asked: _Request, alike: float) -> list[float]:
    text = answer.text
    words = _words(text)
    said = _content(words)
    sentences = [each for each in _SENTENCE.split(text) if each.strip()]
    bags = [_content(_words(each)) for each in sentences]
    count = max(1, len(words))
    return [
        alike,
        _share(asked.content, said),
        _kept(asked.names, text),
        _kept(asked.numbers, text),
        _share(asked.measures, _measures(text)),
        log1p(len(set(_NUMBER.findall(text)) - asked.numbers)),
        log1p(len(_names(text) - asked.spelled)),
        _overlap(words, asked.words, 4),
        similarity(asked.grams, shingles(text)),
        float(refuses(text)),
        float(bool(_PREAMBLE.search(text))),
        float(placeholder(answer.request, text) is not None),
        float(bool(_ABOUT_TASK.search(text))),
        1.0 - variety(words),
        _most_alike(bags),
        _same_openings(sentences),
        float(_contradicts(text, sentences, bags)),
        float(answer.broken_off),
        float(not _ENDS.search(text) and not ANY.has_come(text)),
        float(bool(_CONNECTS.search(text))),
        _opening(asked.content, bags),
        len(_words(sentences[-1])) * len(sentences) / count if sentences else 0.0,
        float(_introduced_late(words)),
        float(_is_letter_in_disorder(sentences)),
        log1p(count),
        1.0 / count,
        log1p(count / max(1, len(sentences))),
        len(said - asked.content) / count,
        len(set(words)) / count**0.8,
        log1p(len(_MARKUP.findall(text))),
        min(1.0, text.count("?") / max(1, len(sentences))),
        log1p(100 * sum(text.count(mark) for mark in ',;:—–"“') / count),
        sum(word in {"i", "my", "me", "we", "our"} for word in words) / count,
        sum(word in {"you", "your"} for word in words) / count,
    ]


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower().replace("’", "'"))


def _content(words: Iterable[str]) -> set[str]:
    """What words are about: without inflection, as far as that is cheap."""
    return {_stem(word) for word in words if word not in _STOP and len(word) > 2}


def _stem(word: str) -> str:
    for ending in ("'s", "ings", "ing", "ies", "ed", "es", "s", "y", "e"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word


def _names(text: str) -> set[str]:
    """Words with a capital in the middle of a sentence."""
    found = _NAME.findall(text)
    return {name for name in found if name[0].isupper() and name.lower() not in _STOP}


def _measures(text: str) -> set[str]:
    return {f"{number} {_stem(unit.lower())}" for number, unit in _MEASURED.findall(text)}


def _kept(wanted: set[str], text: str) -> float:
    """Share of `wanted` that stands in the text; 1 where nothing is wanted."""
    return sum(each in text for each in wanted) / len(wanted) if wanted else 1.0


def _share(wanted: set[str], said: set[str]) -> float:
    return len(wanted & said) / len(wanted) if wanted else 1.0


def _overlap(words: list[str], others: list[str], length: int) -> float:
    """Share of the sequences of `length` words that the others have too."""
    known = {tuple(others[k : k + length]) for k in range(len(others) - length + 1)}
    written = [tuple(words[k : k + length]) for k in range(len(words) - length + 1)]
    return sum(each in known for each in written) / max(1, len(written))


_MOST_SENTENCES = 40  # that are compared with each other: their pairs grow with the square


def _most_alike(bags: list[set[str]]) -> float:
    """How much the two most similar of the first sentences have in common, 0..1."""
    told = [bag for bag in bags[:_MOST_SENTENCES] if len(bag) >= 2]
    return max((len(a & b) / len(a | b) for k, a in enumerate(told) for b in told[:k]), default=0.0)


def _same_openings(sentences: list[str]) -> float:
    """Share of sentences that begin with the same two words as another."""
    openings = Counter(tuple(_words(each)[:2]) for each in sentences)
    return sum(n - 1 for n in openings.values()) / max(1, len(sentences))


def _opening(asked: set[str], bags: list[set[str]]) -> float:
    """How much more of the first sentence stands in the request than of all, -1..1."""
    shares = [len(asked & bag) / max(1, len(bag)) for bag in bags]
    return shares[0] - sum(shares) / len(shares) if shares else 0.0


def _introduced_late(words: list[str]) -> bool:
    """Whether something is `the` one before it is `a` one."""
    known: dict[str, str] = {}
    for article, thing in pairwise(words):
        if article in {"a", "an", "the"}:
            first = known.setdefault(thing, article)
            if first == "the" != article:
                return True
    return False


def _is_letter_in_disorder(sentences: list[str]) -> bool:
    """Whether a greeting is not the first sentence, or a sign-off not among the last ones."""
    greeted = any(_GREETS.search(each) for each in sentences[1:])
    return greeted or any(
        _SIGNS_OFF.search(each) and len(each.split()) <= 3 for each in sentences[:-_CLOSING]
    )


def _contradicts(text: str, sentences: list[str], bags: list[set[str]]) -> bool:
    """Whether a thing has two numbers, or one sentence denies what another says."""
    numbers: dict[str, set[str]] = defaultdict(set)
    for number, unit in _MEASURED.findall(text):
        if len(unit) > 3:
            numbers[_stem(unit.lower())].add(number)
    if any(len(found) > 1 for found in numbers.values()):
        return True
    denied = [bool(_NOT & set(_words(each))) or "n't" in each for each in sentences]
    told = list(zip(bags, denied, strict=True))[:_MOST_SENTENCES]
    return any(
        no != yes and len(a) >= 3 and len(a & b) >= 0.7 * len(a | b)
        for k, (a, no) in enumerate(told)
        for b, yes in told[:k]
    )
