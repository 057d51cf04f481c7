"""One text of a corpus, in the one form that every extractor yields."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """One text, what it was cut from, and what it is about.

    Texts of one `document` (a speech, a poem, a package) stay together. `title` is what the text is
    about where the source says so, else empty; `request` what it was the answer to, where that is
    known, else empty.
    """

    text: str
    genre: str
    family: str
    source: str
    document: str
    title: str = ""
    request: str = ""
