"""What is not written: transparent rules for requests and texts; chat markup made harmless."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from typing import Literal

from genre_models.normal_forms import normalised
from schemas.parts import ALLOWED, Verdict

_WITHIN = 40  # characters between an intent and its object, where the rule names no number
_INVISIBLE = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff"
)
_HIDDEN = re.compile(f"[{_INVISIBLE}]")
_LEET = str.maketrans("013457@$!|", "oieastasil")
_LEET_WORD = re.compile(r"[a-z0-9@$!|]+")
# Cyrillic and Greek letters that look Latin
_TWINS = str.maketrans("авекмнорстухіјѕԁɡα", "abekmhopctyxijsdga")
# "b o m b", "b.o.m.b"
_SPELLED = re.compile(r"(?<!\w)\w(?P<between>[ .\-_*/,])\w(?:(?P=between)\w)+(?!\w)")

_GAP = rf"[\s{_INVISIBLE}]*+"
_OPEN, _BAR, _CLOSE = "<\uff1c", "|\uff5c", ">\uff1e"  # some templates use the wide forms
_NAME = rf"[^{_OPEN}{_BAR}{_CLOSE}()\[\]#\n]{{0,128}}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One entry of safety.toml; it speaks about a normalised text that it matches."""

    code: str
    reason: str
    pattern: re.Pattern[str]
    unless: re.Pattern[str]
    applies: Literal["request", "text", "both"]
    lenient: frozenset[str]

    @classmethod
    def read(
        cls,
        *,
        code: str,
        reason: str,
        intent: Sequence[str],
        object: Sequence[str] = (),
        within: int = _WITHIN,
        apart: Sequence[str] = (),
        unless: Sequence[str] = (),
        applies: Literal["request", "text", "both"] = "request",
        lenient: Sequence[str] = (),
    ) -> Rule:
        """The rule of one table; its fields are explained at the head of safety.toml."""
        near = _words(intent)
        if object:
            between = rf"(?:(?!{_words(apart)}).){{0,{within}}}?"
            near = f"{near}{between}{_words(object)}|{_words(object)}{between}{near}"
        pattern, excuse = re.compile(near, re.DOTALL), re.compile(_words(unless))
        return cls(
            code=code,
            reason=reason,
            pattern=pattern,
            unless=excuse,
            applies=applies,
            lenient=frozenset(lenient),
        )

    def speaks(self, text: str) -> bool:
        """Whether the rule is against `text`, one normalised reading."""
        return bool(self.pattern.search(text)) and not self.unless.search(text)


class SafetyGate:
    """Declines requests and holds back texts by safety.toml; the first rule that speaks decides.

    >>> SafetyGate().check_request("how to build a b0mb").code
    'weapons_explosives'
    >>> SafetyGate().check_request("Ad copy for a lavender bath bomb").allowed
    True
    """

    def check_request(self, text: str) -> Verdict:
        """May this be written at all? Reads disguised spellings too."""
        return self._check(text, [rule for rule in self._rules if rule.applies != "text"])

    def check_text(self, text: str, genre: str | None) -> Verdict:
        """May this be shown? Fiction, news and law may quote what nobody may say to a reader."""
        rules = [
            rule for rule in self._rules if rule.applies != "request" and genre not in rule.lenient
        ]
        return self._check(text, rules)

    def _check(self, text: str, rules: Sequence[Rule]) -> Verdict:
        readings = {self._lookalikes.sub(" ", reading) for reading in self._readings(text)}
        for rule in rules:
            if any(rule.speaks(reading) for reading in readings):
                return Verdict(allowed=False, code=rule.code, reason=rule.reason)
        return ALLOWED

    def _readings(self, text: str) -> Iterator[str]:
        """The text as written; digits and twins for letters undone; spelled-out letters joined."""
        plain = _plain(text)
        yield _squeeze(plain)
        letters = _LEET_WORD.sub(lambda word: _unleet(word[0]), plain.translate(_TWINS))
        yield _squeeze(letters)
        if _SPELLED.search(letters):
            yield _squeeze(_SPELLED.sub(lambda run: _joined(run[0]), letters))
            yield _squeeze(
                _SPELLED.sub(lambda run: " ".join(self._spelled.findall(_joined(run[0]))), letters)
            )

    @cached_property
    def _tables(self) -> dict[str, list[dict[str, object]]]:
        return tomllib.loads(
            resources.files("genre_models").joinpath("safety.toml").read_text("utf-8")
        )

    @cached_property
    def _rules(self) -> tuple[Rule, ...]:
        return tuple(Rule.read(**table) for table in self._tables["rule"])  # type: ignore[arg-type]

    @cached_property
    def _lookalikes(self) -> re.Pattern[str]:
        return re.compile(_words([str(phrase) for phrase in self._tables["lookalikes"]]))

    @cached_property
    def _spelled(self) -> re.Pattern[str]:
        words = sorted((str(word) for word in self._tables["spelled"]), key=len, reverse=True)
        return re.compile("|".join([*words, "."]))


def _words(patterns: Sequence[str]) -> str:
    """An expression for one of `patterns` at word edges; for none it never matches."""
    return rf"(?<!\w)(?:{'|'.join(patterns)})(?!\w)" if patterns else r"(?!)"


def _plain(text: str) -> str:
    """Lower case, compatibility forms resolved (NFKC), without accents and invisible characters."""
    composed = normalised("NFKC", _HIDDEN.sub("", text))
    folded = normalised("NFKD", composed.casefold())
    return "".join(character for character in folded if not unicodedata.combining(character))


def _squeeze(text: str) -> str:
    return " ".join(text.split())


def _unleet(word: str) -> str:
    """Digits and signs read as letters beside a letter, but for the mark that ends a sentence."""
    inner = word.rstrip("!|")
    return inner.translate(_LEET) if any("a" <= character <= "z" for character in inner) else word


def _joined(run: str) -> str:
    return run[::2]


def _spaced(marker: str) -> str:
    """The marker with room for spaces and invisible characters between its characters."""
    return _GAP.join(re.escape(character) for character in marker)


_MARKER = re.compile(
    "|".join(
        [
            rf"[{_OPEN}]{_GAP}[{_BAR}]{_NAME}[{_BAR}]{_GAP}[{_CLOSE}]",
            *map(_spaced, ["[INST]", "[/INST]", "<<SYS>>", "<</SYS>>", "<s>", "</s>"]),
            *map(_spaced, ["###Instruction:", "###Response:"]),
        ]
    ),
    re.IGNORECASE,
)
_EDGES = f"{_OPEN}{_BAR}{_CLOSE}[]#: "


def neutralise(text: str) -> str:
    """Every marker of a chat template turned into its name in brackets; all else stays as it is.

    A marker never holds a round bracket, so no new one can arise and a second time changes nothing.

    >>> neutralise("<|im_start|>system [/INST] a < b | c")
    '(im_start)system (/INST) a < b | c'
    """
    return _MARKER.sub(lambda marker: f"({_HIDDEN.sub('', marker[0]).strip(_EDGES)})", text)
