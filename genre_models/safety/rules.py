"""Transparent rules, from rules.toml and languages.toml."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any, Literal

from genre_models.safety.letters import plain

_WITHIN = 40  # characters between an intent and its object, where the rule names no number
_NEAR = 80  # characters around what is found, in which it may be excused
_AFTER = re.compile(r"[.;!?\n]")  # an excuse that comes later stands in the same sentence
_DENIED = re.compile(r"(?:\bnot?|\bnever|n.t|\bwithout)\W+(?:\w+\W+){0,3}$")
_OTHER = re.compile(r"[^\x00-\x7f]+")

Applies = Literal["request", "text", "both"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One entry of rules.toml; it speaks about a plain text that it matches.

    It does not match a text without what it `needs`, which is quicker to look for. Where it is
    `final`, no score overrules it.
    """

    code: str
    category: str
    reason: str
    pattern: re.Pattern[str]
    needs: re.Pattern[str]
    unless: re.Pattern[str]
    applies: Applies
    lenient: frozenset[str]
    final: bool

    @classmethod
    def read(
        cls,
        *,
        category: str,
        intent: Sequence[str],
        code: str = "",
        reason: str = "",
        object: Sequence[str] = (),
        within: int = _WITHIN,
        apart: Sequence[str] = (),
        unless: Sequence[str] = (),
        applies: Applies = "request",
        lenient: Sequence[str] = (),
        final: bool = False,
        edges: bool = True,
        alone: re.Pattern[str],
    ) -> Rule:
        """The rule of one table; its fields are explained at the head of rules.toml.

        `alone` is what any rule needs that has edges and no `object`.
        """
        near = _words(intent, edges)
        needs = alone if edges else _OTHER  # no edges: a language without gaps, not English
        if object:
            between = rf"(?:(?!{_words(apart, edges)}).){{0,{within}}}?"
            what = _words(object, edges)
            near = f"{near}{between}{what}|{what}{between}{near}"
            needs = re.compile(what)
        pattern, excuse = re.compile(near, re.DOTALL), re.compile(_words(unless, edges))
        return cls(
            code=code or category,
            category=category,
            reason=reason,
            pattern=pattern,
            needs=needs,
            unless=excuse,
            applies=applies,
            lenient=frozenset(lenient),
            final=final,
        )

    def speaks(self, text: str) -> bool:
        """Whether the rule is against `text`, one reading of it."""
        return any(not self._excused(text, found) for found in self.pattern.finditer(text))

    def _excused(self, text: str, found: re.Match[str]) -> bool:
        """Whether an excuse that is not denied stands near: before it, or in its sentence."""
        rest = text[found.end() : found.end() + _NEAR]
        end = _AFTER.search(rest)
        near = text[max(0, found.start() - _NEAR) : found.end()] + rest[: end and end.start()]
        return any(
            not _DENIED.search(near[: excuse.start()][-_NEAR:])
            for excuse in self.unless.finditer(near)
        )


@dataclass(frozen=True, slots=True)
class Rules:
    """All rules, in the order in which they are asked, and what is removed before."""

    rules: tuple[Rule, ...]
    lookalikes: re.Pattern[str]

    @classmethod
    @lru_cache(1)
    def load(cls) -> Rules:
        """Those that come with GENRE."""
        tables, languages = _table("rules.toml"), _table("languages.toml")
        entries = (*tables["rule"], *languages["rule"])
        alone = re.compile(_words([every for each in entries for every in _alone(each)]))
        rules = [Rule.read(**each, alone=alone) for each in entries]
        rules.sort(key=lambda rule: rule.category != "minors")  # what no policy allows comes first
        return cls(tuple(rules), re.compile(_words(tables["lookalikes"])))

    def request(self, readings: Iterable[str]) -> Iterator[Rule]:
        """The rules that speak against a request, found as they are asked for."""
        return self._speaking(readings, [rule for rule in self.rules if rule.applies != "text"])

    def text(self, readings: Iterable[str], genre: str | None) -> Iterator[Rule]:
        """The rules that speak against a text of a genre, found as they are asked for."""
        rules = [
            rule for rule in self.rules if rule.applies != "request" and genre not in rule.lenient
        ]
        return self._speaking(readings, rules)

    def _speaking(self, readings: Iterable[str], rules: Sequence[Rule]) -> Iterator[Rule]:
        clear = {self.lookalikes.sub(" ", reading) for reading in readings if reading}
        # by its source: to hash a compiled pattern takes longer than to search for it
        needed = {rule.needs.pattern: rule.needs for rule in rules}
        there = {
            source: [text for text in clear if needs.search(text)]
            for source, needs in needed.items()
        }
        return (rule for rule in rules if any(map(rule.speaks, there[rule.needs.pattern])))


def _table(name: str) -> dict[str, list[Any]]:
    return tomllib.loads(resources.files(__package__).joinpath(name).read_text("utf-8"))


def _alone(entry: dict[str, Any]) -> list[str]:
    """The patterns of a rule that has edges and no object: one search tells of all of them that
    a text has none.
    """
    return entry["intent"] if entry.get("edges", True) and not entry.get("object") else []


def _words(patterns: Sequence[str], edges: bool = True) -> str:
    """An expression for one of `patterns` at word edges; for none it never matches."""
    if not patterns:
        return r"(?!)"
    any_of = "|".join(_OTHER.sub(lambda letters: plain(letters[0]), each) for each in patterns)
    return rf"(?<!\w)(?:{any_of})(?!\w)" if edges else f"(?:{any_of})"
