"""What makes a text fit to learn from: plain characters, nobody's address, no markup, no abuse."""

from __future__ import annotations

import re

from genre_models.normal_forms import normalised

# Words that turn old or joking sources into abuse; a text with one of them is left out whole.
ABUSE = re.compile(
    r"\b(nigg\w+|negro\w*|jew\w*|chinam\w+|savages?|fagg?\w*|retard\w*|whores?|sluts?|bitch\w*|rape\w*|fuck\w*|shit\w*"
    r"|cunt\w*|cripples?|darky|darkies|injuns?|gyps\w+|hitler|nazi\w*)\b",
    re.IGNORECASE,
)
MARKUP = re.compile(r"[{}|\\^~\ufffd]|<<|>>")
TAG = re.compile(r"<[a-z/!]", re.IGNORECASE)  # up to the next `>`, if there is one
PROSE = 0.8  # least share of letters and spaces

# What is seen in no print: control and format characters, soft hyphens, halves of characters.
INVISIBLE = re.compile(
    r"[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u00ad\u200b-\u200f\u202a-\u202e\u2060\ufeff\ud800-\udfff]"
)
QUOTES = {0x2018: "'", 0x2019: "'", 0x201C: '"', 0x201D: '"'}

# Reserved for examples (RFC 2606; 555-0100 in the North American plan): they reach nobody, and
# sentences stay whole.
ADDRESS, NUMBER, LINK = "name@example.com", "555-0100", "https://example.com"
PASSES = 8  # a replacement may complete a number before it
CONTACT = re.compile(
    # Lengths as in RFC 5321 and 1035: without them, a long word is looked through from each letter.
    r"(?P<address>[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+)"
    r"|(?P<link>(?:https?://|ftp://|www\.)[^\s<>\"')\]]*[\w/]"
    r"|\b[\w-]{1,63}(?:\.[\w-]{1,63}){0,8}\.(?:com|org|net|edu|gov|info|co\.uk)\b(?:/[\w/.~-]*)?)"
    r"|(?P<number>(?<![\w.,$])(?:\+\d[\d ().-]{6,16}\d|\(\d{3}\) ?\d{3}[-. ]\d{4}"
    r"|(?:1[-. ])?\d{3}[-. ]\d{3}[-. ]\d{4}"
    r"|0\d{2,4}[ -]?\d{3,4}[ -]?\d{3,4})(?!\w))"
)


def tidy(text: str, lines: bool) -> str:
    """NFC, plain spaces and quotes; one paragraph, or lines for a genre written in lines.

    >>> tidy("  The\\u00a0sea \\n is  wide", lines=False)
    'The sea is wide'
    """
    text = normalised("NFC", INVISIBLE.sub("", text)).translate(QUOTES)
    rows = [" ".join(row.split()) for row in text.splitlines()]
    return ("\n" if lines else " ").join(row for row in rows if row)


def without_contacts(text: str) -> str:
    """E-mail addresses, telephone numbers and links replaced by ones that reach nobody.

    Nothing is left of a text in which what was replaced makes new ones again and again.

    >>> without_contacts("Call +44 20 7946 0018 or write to ann@city.org (www.city.org/ann).")
    'Call 555-0100 or write to name@example.com (https://example.com).'
    """
    for _ in range(PASSES):
        before, text = (
            text,
            CONTACT.sub(
                lambda found: {"address": ADDRESS, "link": LINK}.get(found.lastgroup or "", NUMBER),
                text,
            ),
        )
        if text == before:
            return text
    return ""


def is_prose(text: str) -> bool:
    """Whether it is mostly letters, without markup and without what a wrong encoding leaves."""
    letters = sum(character.isalpha() or character.isspace() for character in text)
    tag = TAG.search(text)
    marked = (tag and ">" in text[tag.end() :]) or MARKUP.search(text)
    return letters >= PROSE * len(text) and not marked
