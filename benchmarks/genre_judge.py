"""A judge of genres that knows nothing of our models: TF-IDF and a linear SVM."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

MOST = 1000  # texts a genre that it learns from


def genre_judge(texts: Mapping[str, Sequence[str]]) -> Any:
    """A classifier over two or more genres, from the first thousand texts of each."""
    pairs = [(text, genre) for genre, known in texts.items() for text in known[:MOST]]
    judge = make_pipeline(
        TfidfVectorizer(
            sublinear_tf=True, ngram_range=(1, 2), min_df=2, token_pattern=r"\w+|[^\w\s]|\n"
        ),
        LinearSVC(class_weight="balanced"),
    )
    return judge.fit(*zip(*pairs, strict=True))


def of_genres(judge: Any, texts: Sequence[str], genres: Sequence[str]) -> list[bool]:
    """Whether each text is told as its genre."""
    told = judge.predict(texts)
    return [str(each) == genre for each, genre in zip(told, genres, strict=True)]


def lookalikes(judge: Any, texts: Sequence[str], genre: str, among: Collection[str]) -> list[str]:
    """Those other genres of `among` that texts of a genre are taken for first, nearest first.

    The judge knows three genres or more.
    """
    scores = judge.decision_function(texts).mean(0)
    ordered = [str(judge.classes_[column]) for column in (-scores).argsort()]
    return [each for each in ordered if each != genre and each in among]
