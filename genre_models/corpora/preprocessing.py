"""What every text goes through before anybody learns from it.

How many texts each rule took away or changed is counted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from genre_models.classification.languages import LanguageIdentifier
from genre_models.corpora.cleaning import is_prose, tidy, without_contacts
from genre_models.corpora.duplicates import dissimilar, distinct
from genre_models.corpora.text import Text

HUGE = 20_000  # characters; ten times what a training example holds

Rule = Callable[[Sequence[Text]], list[Text]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a genre's texts must be like.

    `words` is (least, most), the most with those of a text's request; `lines` keeps line breaks;
    `language` is an ISO 639 code, None for any. E-mail addresses, telephone numbers and links are
    replaced by ones reserved for examples, so that texts that consist of messages stay usable, or
    with `contacts="drop"` such a text is left out. Texts whose three-word shingles have a Jaccard
    similarity of `similarity` or more are duplicates. A text in which `abuse` is found is left out.
    """

    words: tuple[int, int] = (4, 200)
    lines: bool = False
    language: str | None = "en"
    contacts: Literal["replace", "drop"] = "replace"
    similarity: float = 0.8
    abuse: re.Pattern[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """How many texts one rule left out and how many it changed."""

    rule: str
    removed: int
    changed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """The texts that are left, in their original order, and the rules in the order applied."""

    texts: tuple[Text, ...]
    steps: tuple[Step, ...]

    @property
    def removed(self) -> dict[str, int]:
        """Texts left out by each rule that left out any."""
        return {step.rule: step.removed for step in self.steps if step.removed}


def preprocess(texts: Iterable[Text], rules: Rules | None = None) -> Prepared:
    """Clean, filter and de-duplicate.

    The same texts in another order leave the same texts; doing it twice changes nothing.
    """
    kept, steps = list(texts), []
    for name, rule in _rules(rules or Rules()):
        before, kept = kept, rule(kept)
        same = {id(text) for text in before}
        changed = sum(id(text) not in same for text in kept)
        steps.append(Step(rule=name, removed=len(before) - len(kept), changed=changed))
    return Prepared(texts=tuple(kept), steps=tuple(steps))


def _rules(rules: Rules) -> Iterator[tuple[str, Rule]]:
    """Cheap rules first: what is duplicated ten thousand times is looked at closely once."""
    least, most = rules.words
    yield "huge", _only(lambda text: len(text) <= HUGE)
    yield "untidy", _each(lambda text: tidy(text, rules.lines))
    yield "empty", _only(bool)
    if rules.contacts == "drop":
        yield "contacts", _only(lambda text: without_contacts(text) == text)
    else:
        yield "contacts", _each(without_contacts)
    yield "too_short", _only(lambda text: len(text.split()) >= least)
    yield "too_long", lambda texts: [text for text in texts if _words(text) <= most]
    yield "duplicate", distinct
    yield "markup", _only(is_prose)
    if abuse := rules.abuse:
        yield "abuse", _only(lambda text: not abuse.search(text))
    if language := rules.language:
        identifier = LanguageIdentifier(language)
        yield "language", _only(lambda text: identifier.identify(text).code == language)
    yield "near_duplicate", lambda texts: dissimilar(texts, rules.similarity)


def _words(text: Text) -> int:
    """Of a text and its request: an example has room for so many."""
    return len(text.text.split()) + len(text.request.split())


def _only(wanted: Callable[[str], bool]) -> Rule:
    return lambda texts: [text for text in texts if wanted(text.text)]


def _each(change: Callable[[str], str]) -> Rule:
    def changed(texts: Sequence[Text]) -> list[Text]:
        done = (change(text.text) for text in texts)
        return [
            text if new == text.text else replace(text, text=new)
            for text, new in zip(texts, done, strict=True)
        ]

    return changed
