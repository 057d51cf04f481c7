"""Unicode's normal forms in linear time, whatever is written."""

from __future__ import annotations

import unicodedata
from itertools import groupby
from typing import Literal

MARKS = 30  # in a row, as in Unicode's Stream-Safe Text Format (UAX 15); no language writes more


def normalised(form: Literal["NFC", "NFKC", "NFKD"], text: str) -> str:
    """The text in a normal form, without the marks on one letter that are beyond 30.

    Putting marks in their order takes the square of their number.

    >>> normalised("NFC", "e\\u0301"), len(normalised("NFKD", "e" + "\\u0301" * 100))
    ('é', 31)
    """
    return text if text.isascii() else _cut(unicodedata.normalize(form, _cut(text)))


def _cut(text: str) -> str:
    runs = (
        (marks, list(run))
        for marks, run in groupby(text, lambda each: unicodedata.combining(each) > 0)
    )
    return "".join("".join(run[:MARKS] if marks else run) for marks, run in runs)
