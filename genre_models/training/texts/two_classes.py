"""Whether the texts that were sent under one name are of two classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.cluster import KMeans
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, silhouette_score
from sklearn.model_selection import cross_val_predict

from schemas.errors import Rejected

LOOKED_AT = 200  # texts
# Measured on the 26 corpora (decision 9): one of them lies above the first, at 0.063, and none
# above the second; of halves of two genres 63 % and 28 %.
SUSPECT, REFUSED = 0.05, 0.09
SMALLEST = 0.1  # share of texts that is no class but some odd ones
WORDS = sorted({*ENGLISH_STOP_WORDS, *".,;:?!'\"()-\n"})


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoClasses:
    """How far texts fall into two classes, 0 to 1, and the most typical text of either.

    None stands for a text where all of a class are of users: those are quoted nowhere.
    """

    score: float
    one: str | None = None
    other: str | None = None

    @property
    def suspect(self) -> bool:
        """Whether a person should look: few genres that are one reach this."""
        return self.score >= SUSPECT

    def check(self) -> None:
        """Raises Rejected `two_classes` where no genre that is one comes near."""
        if self.score >= REFUSED:
            raise Rejected(
                "two_classes",
                f"Expected texts of one genre, got two kinds{self._such_as()} "
                f"(score {self.score:.2f}, the bound {REFUSED}): send them under two names.",
            )

    @property
    def examples(self) -> tuple[str, ...]:
        """The typical texts that may be quoted."""
        return tuple(text for text in (self.one, self.other) if text is not None)

    def _such_as(self) -> str:
        return f", such as {' and '.join(map(_short, self.examples))}" if self.examples else ""


def two_classes(
    texts: Sequence[str],
    embeddings: npt.NDArray[np.float32],
    quotable: Sequence[bool],
) -> TwoClasses:
    """Part the texts by meaning and ask whether the halves are two classes.

    `embeddings` are [texts, dimensions]; `quotable` tells the texts that are no user's. Classes lie
    apart and differ in how they are written too: topics of one genre do not. The score is the
    silhouette of two means (Rousseeuw 1987) times the informedness (Youden 1950) with which
    function words, punctuation and lengths tell the halves.
    """
    means = KMeans(2, n_init=3, random_state=0).fit(embeddings)
    half = means.labels_
    may_be_quoted = np.array(quotable)
    typical = [
        _nearest(texts, embeddings, centre, may_be_quoted & (half == number))
        for number, centre in enumerate(means.cluster_centers_)
    ]
    both = SMALLEST <= half.mean() <= 1 - SMALLEST
    apart = float(silhouette_score(embeddings, half)) if both else 0.0
    # at or below it, so is the product: spare the work
    told = _informedness(texts, half) if apart > SUSPECT else 0.0
    return TwoClasses(score=max(0.0, apart * told), one=typical[0], other=typical[1])


def _nearest(
    texts: Sequence[str],
    embeddings: npt.NDArray[np.float32],
    centre: npt.NDArray[np.float32],
    among: npt.NDArray[np.bool_],
) -> str | None:
    """The text that lies nearest to a centre, of those told; None where there are none."""
    if not among.any():
        return None
    distance = ((embeddings - centre) ** 2).sum(1)
    return texts[int(np.argmin(np.where(among, distance, np.inf)))]


def _informedness(texts: Sequence[str], half: npt.NDArray[np.int32]) -> float:
    classifier = LogisticRegression(C=10, class_weight="balanced", max_iter=200)
    told = cross_val_predict(classifier, _manner(texts), half, cv=4)
    return 2 * float(balanced_accuracy_score(half, told)) - 1


def _manner(texts: Sequence[str]) -> npt.NDArray[np.float64]:
    """How each text is written, whatever it is about, [texts, features]."""
    words = TfidfVectorizer(
        vocabulary=WORDS, token_pattern=r"\w+|[^\w\s]|\n", sublinear_tf=True, use_idf=False
    )
    return np.hstack([words.fit_transform(texts).toarray(), [_measures(text) for text in texts]])


def _measures(text: str) -> list[float]:
    """Words, letters a word, lines, shares of capitals and digits, each brought to about one."""
    words, length = text.split(), max(len(text), 1)
    letters = sum(map(len, words)) / max(len(words), 1)
    capitals, digits = sum(map(str.isupper, text)), sum(map(str.isdigit, text))
    return [
        np.log1p(len(words)),
        letters / 5,
        text.count("\n") / 3,
        5 * capitals / length,
        5 * digits / length,
    ]


def _short(text: str) -> str:
    words = " ".join(text.split())
    return repr(words if len(words) <= 80 else f"{words[:79]}…")
