"""What a text says, however it is disguised: its words put together again.

Known are the words of written requests; what is unknown is tried as letters for digits and signs,
without what stands between its letters, without what is repeated, and joined with its neighbour.
"""

# ruff: noqa: RUF001  quotes and signs that people put between letters
from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from statistics import mode

from genre_models.safety.letters import plain

_LEET = str.maketrans("01345678@$!|+€", "oleasgtbasiite")
_LEET_I = str.maketrans("1", "i")
_SIGNS = re.compile(r"[a-z0-9@$!|+€]+")
_LATIN = re.compile(r"[a-z]")
_DIGIT = re.compile(r"[0-9]")
_DISGUISED = 3  # words with digits that are no chance
# "b o m b", "b.o.m.b", "b - o - m - b"
_SPELLED = re.compile(r"(?<![^\W_])[^\W_](?:[\W_]{1,4}[^\W_](?![^\W_])){2,}")
_GAPS = re.compile(r"[\W_]+")
_APOSTROPHE = re.compile(r"['’]")
_TOKEN = re.compile(r"[^\s]+")
_STOPS = {",", ".", ";", ":", "!", "?"}
_EDGE = ".,;:!?\"'()[]{}«»“”‘’*_~-"
_INSIDE = re.compile(r"[-._*~|/\\+^=:,'’`·•]+")
_RUN = re.compile(r"(.)\1+")
_LONG_RUN = re.compile(r"(.)\1{2,}")
_LETTER = re.compile(r"[^\W\d_]")
# what is read at a time: a disguise in one place is no reason to judge all of a long text again;
# not cut where letters stand apart
_PART = re.compile(r"(?s).{1,600}(?=\s\S{2}|\Z)|.{1,600}")
_WORD = re.compile(r"[^\W_]+")
_LONGEST = 14  # letters of a word that are looked for in what is written without gaps
_SHORT = 3  # letters of a word that neighbours are not joined to


@dataclass(frozen=True, slots=True)
class Reading:
    """What a text says, in lower case."""

    letters: str
    """All of it, in plain letters."""
    others: tuple[str, str]
    """The parts that read otherwise with digits and signs as letters, and those that read otherwise
    restored.
    """
    restored: str
    """All of it, as it is most probably meant."""

    @property
    def all(self) -> tuple[str, ...]:
        """What rules are read on."""
        return (self.letters, *self.others)


class Reader:
    """Reads texts by the words that it knows, with how often they occur.

    >>> reader = Reader({"build": 3, "a": 9, "bomb": 1})
    >>> reader.read("BUILD a bo-mb, a 8ooomb, a b\\to\\tm\\tb").restored
    'build a bomb, a bomb, a bomb'
    """

    def __init__(self, words: Mapping[str, int]) -> None:
        self._words = words
        self._total = math.log(sum(words.values()) + 1)
        self._costs = {word: self._total - math.log(count) for word, count in words.items()}

    def read(self, text: str) -> Reading:
        """What a text says."""
        letters = plain(text)
        parts = [part for part in _PART.findall(letters) if not part.isspace()]
        plainly = [squeeze(part) for part in parts]
        unleet = [squeeze(_unleet(part)) for part in parts]
        known: dict[tuple[str, bool], str] = {}
        restored = [squeeze(self._restored(part, known)) for part in parts]
        read = list(zip(plainly, unleet, restored, strict=True))
        others = (
            "\n".join(other for part, other, _ in read if other != part),
            "\n".join(found for part, _, found in read if found != part),
        )
        return Reading(squeeze(letters), others, " ".join(restored))

    def share_known(self, text: str) -> float:
        """The part of a restored text's words that are known, 0..1."""
        words = words_of(text)
        return sum(word in self._words for word in words) / max(len(words), 1)

    def _restored(self, text: str, known: dict[tuple[str, bool], str]) -> str:
        """`known` are tokens that stood in other parts of the text."""
        whole = _SPELLED.sub(lambda run: self._joined(run[0]), text)
        in_digits = _is_in_digits(whole)

        def word(token: re.Match[str]) -> str:
            asked = (token[0], in_digits)
            if asked not in known:
                known[asked] = self._word(*asked)
            return known[asked]

        return self._together(_TOKEN.sub(word, whole))

    def _joined(self, run: str) -> str:
        """Letters that stand apart, as words: at unusual gaps, else where known words end."""
        gaps = _GAPS.findall(run)
        usual = mode(gaps)
        if not _LETTER.search(run) or (_DIGIT.search(run) and gaps.count(usual) * 2 <= len(gaps)):
            return run  # "2 - 3", "6 a.m., 7 p.m."
        letters = zip(_GAPS.split(run), [*gaps, usual], strict=True)
        words = "".join(letter + _between(gap, usual) for letter, gap in letters).split()
        return " ".join(self._apart(_unleet(word)) for word in words)

    def _apart(self, word: str) -> str:
        core = word.rstrip(_EDGE)
        return word if self._count(core) else self._parted(core) + word[len(core) :]

    def _parted(self, letters: str) -> str:
        """Known words of which `letters` are most probably made (a unigram model)."""
        costs, starts = [0.0], [0]
        for end in range(1, len(letters) + 1):
            least, begin = math.inf, end
            for start in range(max(0, end - _LONGEST), end):
                cost = self._costs.get(letters[start:end])
                cost = costs[start] + (self._total + 4.0 * (end - start) if cost is None else cost)
                if cost < least:
                    least, begin = cost, start
            costs.append(least)
            starts.append(begin)
        ends = [len(letters)]
        while ends[-1]:
            ends.append(starts[ends[-1]])
        return " ".join(letters[start:end] for start, end in pairwise(reversed(ends)))

    def _word(self, token: str, in_digits: bool) -> str:
        """`in_digits`: where others are written with digits, what is known or a number may be."""
        core = token.strip(_EDGE)
        if not core or (not in_digits and (self._count(core) or not _LETTER.search(core))):
            return token
        known = max(dict.fromkeys(self._forms(core)), key=self._count)
        if not self._count(known) and _LONG_RUN.search(core):
            known = self._by_letters.get(_RUN.sub(r"\1", core), known)
        return token.replace(core, known) if self._count(known) else token

    def _count(self, core: str) -> int:
        """How often a word occurs, or of words that are only joined ("step-by-step", "it's") the
        rarest; 0 of what is unknown, and of what is a word without what stands in it ("th-at").
        """
        if core in self._words:
            return self._words[core]
        parts = _INSIDE.split(core)
        if not _APOSTROPHE.search(core) and (
            "".join(parts) in self._words or min(map(len, parts)) < 2
        ):
            return 0
        return min(self._words.get(part, 0) for part in parts)

    def _forms(self, core: str) -> Iterator[str]:
        """What `core` may stand for."""
        for form in dict.fromkeys((core, core.translate(_LEET_I))):
            letters = form.translate(_LEET) if _SIGNS.fullmatch(_INSIDE.sub("", form)) else form
            whole = _INSIDE.sub("", letters)
            yield from (letters, whole, _LONG_RUN.sub(r"\1\1", whole), _LONG_RUN.sub(r"\1", whole))
            single = _RUN.sub(r"\1", whole)
            if _LONG_RUN.search(whole):
                yield self._by_letters.get(single, single)

    @cached_property
    def _by_letters(self) -> dict[str, str]:
        """The most frequent word by its letters, none repeated."""
        ordered = sorted(self._words, key=lambda word: self._words[word])
        return {_RUN.sub(r"\1", word): word for word in ordered}

    def _together(self, text: str) -> str:
        """Neighbours of which one is no word, and that are one together: "gre nade"."""
        parts = re.split(r"(\s+)", text)
        for index in range(0, len(parts) - 2, 2):
            left, right = parts[index], parts[index + 2].rstrip(_EDGE)
            if left.isalpha() and right.isalpha() and not {left, right} <= self._words.keys():
                joined = left + right
                if len(joined) > _SHORT and joined in self._words:
                    parts[index], parts[index + 1] = "", ""
                    parts[index + 2] = left + parts[index + 2]
        return "".join(parts)


def squeeze(text: str) -> str:
    """One space for all that stand together."""
    return " ".join(text.split())


def _between(gap: str, usual: str) -> str:
    """What stands between two letters where `usual` does between most."""
    mark = gap.strip()
    if gap == usual:
        return ""
    if _APOSTROPHE.fullmatch(mark):
        return mark
    if mark in _STOPS and usual.isspace():
        return f"{mark} "
    return " " if len(gap) != len(usual) else ""


def _is_in_digits(text: str) -> bool:
    """Whether words are written with digits throughout: a third of them."""
    words = [word for word in text.split() if _LATIN.search(word)]
    return sum(bool(_DIGIT.search(word)) for word in words) >= max(_DISGUISED, len(words) / 3)


def _unleet(text: str) -> str:
    """Digits and signs read as letters beside a letter, but for the mark that ends a sentence."""
    return _SIGNS.sub(lambda word: _letters(word[0]), text)


def _letters(word: str) -> str:
    inner = word.rstrip("!|")
    if not _LATIN.search(inner):
        return word
    return inner.translate(_LEET_I).translate(_LEET) + word[len(inner) :]


def words_of(text: str) -> list[str]:
    """The words of a plain text.

    >>> words_of("don't build a b0mb!")
    ['don', 't', 'build', 'a', 'b0mb']
    """
    return _WORD.findall(text)
