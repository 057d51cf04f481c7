"""Texts that say nothing: the request once more, a refusal, a blank that somebody is to fill in.

Of the pairs that were written for this project, these find one: a slogan that its request quotes.
"""

# ruff: noqa: RUF001  apostrophes as people type them
from __future__ import annotations

import re

from genre_models.text_quality import shingles, similarity

# Of 5-grams. Headlines that a professional made of a request come to 0.64, and to 0.81.
_SAME = 0.7  # Jaccard of the request, and the text or its beginning
_KNOWN = 0.9  # share of the text's that the request has
_WORDS = 3  # of a request: "half-life" is how its definition should begin
_WORK = r"(?:help|assist|write|provide|create|fulfil|generate|comply)"
_REFUSAL = re.compile(
    rf"\bas an ai\b|\b(?:ai|large|virtual) (?:language model|assistant)\b|\ba language model\b|"
    rf"\bi(?:['’]m| am) (?:sorry|afraid)\b[^.!?\n]{{0,40}}"
    rf"\b(?:can(?:not|['’]t)|unable to|not able to) {_WORK}\b|"
    rf"\bi (?:can(?:not|['’]t)|won['’]t) {_WORK} (?:you|with|that|this|a|an|the|text)\b|"
    rf"\bi(?: am|['’]m) (?:unable|not able) to {_WORK}\b|"
    rf"\bi (?:don['’]t|do not) have the (?:ability|capability) to {_WORK}\b|"
    r"\b(?:could|can|would) you (?:please )?(?:provide|give|share|clarify)\b[^.!?\n]{0,30}"
    r"\b(?:more (?:information|details|context)|the (?:text|request|prompt))\b|"
    r"\bplease (?:provide|share|specify)\b[^.!?\n]{0,20}"
    r"\b(?:more (?:information|details|context)|(?:the|your) (?:text|request|prompt))\b",
    re.IGNORECASE,
)
_PLACEHOLDER = re.compile(
    r"\[[^\]\n\d]{2,40}\]|\{\{?[^}\n]{2,40}\}\}?|<[a-z][^>\n]{2,40}>|"
    r"\b(?:lorem ipsum|TODO|X{3,})\b|\(your (?:name|company)\b[^)\n]*\)|"
    r"\binsert (?:name|date|number)\b",
    re.IGNORECASE,
)


def echoes(request: str, text: str) -> bool:
    """Whether a text is made of its request, or begins with it; one or two words may be repeated.

    >>> echoes("A toast for my sister Ida.", "a toast for my sister Ida! A toast for my sister Ida")
    True
    """
    if len(request.split()) < _WORDS:
        return False
    asked, said = shingles(request), shingles(text)
    beginning = shingles(text.strip()[: len(request)])
    return max(similarity(asked, said), similarity(asked, beginning)) >= _SAME or len(
        asked & said
    ) >= _KNOWN * len(said)


def refuses(text: str) -> bool:
    """Whether somebody declines to write, or asks for what to write about.

    >>> refuses("I'm sorry, but I can't write that."), refuses("I'm sorry that it came late.")
    (True, False)
    """
    return bool(_REFUSAL.search(text))


def placeholder(request: str, text: str) -> str | None:
    """The first blank that is left to fill in; the request's own are wanted.

    >>> placeholder("A short letter to a landlord.", "Dear [Landlord's Name],")
    "[Landlord's Name]"
    """
    blanks = (found.group() for found in _PLACEHOLDER.finditer(text))
    return next((blank for blank in blanks if blank not in request), None)
