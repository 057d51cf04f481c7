"""Which genre a request asks for.

Calibrated probabilities over the two-level taxonomy, learned from a few examples.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from genre_models.classification.kernel_head import KernelHead
from genre_models.classification.words import WordIndex
from genre_models.encoder import Encoder
from genre_models.taxonomy import Taxonomy
from schemas.errors import ModelError

_FORMAT = 2
_SHOWN = 8
_WORDS = 0.64  # weight of shared words against the cosine of embeddings in the kernel
_SURE = 0.35  # a genre or family with less calibrated probability than this is not acted upon
_NUDGE = 0.5  # most that corrections move a score; with a temperature of 10, five nats
_LOCAL = 4  # power of the cosine: a correction hardly reaches requests that are only loosely alike


@dataclass(frozen=True, slots=True, kw_only=True)
class Classification:
    """What a request asks for.

    `genres` holds the 8 likeliest and `families` all, most probable first; probabilities are
    calibrated and sum to less than 1: the rest is that no genre is meant. `fallback` says what to
    act upon: the first genre ('none'), its `family` only, or neither ('base').
    """

    genres: tuple[tuple[str, float], ...]
    families: tuple[tuple[str, float], ...]
    family: str | None
    fallback: Literal["none", "family", "base"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Examples:
    """What was learned from: texts, their embeddings [n, d] and their classes.

    The last class is 'no genre'. The first `requests` of the texts are about a genre; the others
    are of it.
    """

    texts: tuple[str, ...]
    embeddings: NDArray[np.float32]
    labels: NDArray[np.intp]
    requests: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A learned request that speaks for a genre.

    `share` is its part, 0 to 1, of all that the genre's requests say for it; `likeness` the cosine
    of the embeddings; `words` are those in common, the most telling first.
    """

    text: str
    share: float
    likeness: float
    words: tuple[str, ...]


class Classifier:
    """Kernel ridge on the examples; kernel: (1 + cosine of embeddings + shared words) squared."""

    def __init__(
        self, taxonomy: Taxonomy, examples: Examples, head: KernelHead, meaning: KernelHead
    ) -> None:
        self._taxonomy = taxonomy
        self.examples = examples
        self._head = head
        self._meaning = meaning  # for embeddings without their words, of requests and of texts
        self.nudges: dict[str, NDArray[np.float32]] = {}
        """Embeddings of corrections by genre, as `corrected` takes them."""
        self._words = WordIndex(examples.texts[: examples.requests])
        self._genres = tuple(taxonomy.genres)
        self._families = tuple(taxonomy.families)
        self._family = np.array(
            [self._families.index(taxonomy.family_of(genre)) for genre in self._genres]
        )

    @classmethod
    def fit(
        cls, taxonomy: Taxonomy, encoder: Encoder, known: Classifier | None = None
    ) -> Classifier:
        """Learn from every genre's requests, description and texts.

        Takes about a second, and the time to encode them. Embeddings of texts that `known` learned
        from are taken from it. Deterministic.
        """
        examples = _examples(taxonomy, encoder, known)
        asked = examples.requests
        alike = 1 + examples.embeddings.astype(np.float64) @ examples.embeddings.T.astype(
            np.float64
        )
        words = WordIndex(examples.texts[:asked]).gram()
        head = KernelHead.fit(
            (alike[:asked, :asked] + _WORDS * words) ** 2, examples.labels[:asked]
        )
        return cls(taxonomy, examples, head, KernelHead.fit(alike**2, examples.labels))

    def predict_one(
        self, embedding: NDArray[np.float32], text: str | None = None
    ) -> Classification:
        """Classify a request by its unit embedding and, which is clearly better, its text."""
        return self._classification(self._probabilities(embedding, text))

    def evidence(
        self, embedding: NDArray[np.float32], text: str, genre: str
    ) -> tuple[Evidence, ...]:
        """The learned requests that speak for `genre`, those that say most first.

        Raises KeyError for a genre that is not known.
        """
        label = {each: index for index, each in enumerate(self._genres)}[genre]
        own = np.flatnonzero(self.examples.labels[: self.examples.requests] == label)
        kernel = self._kernel(embedding, text)[own]
        said = np.maximum(kernel * self._head.alpha[own, label], 0.0)
        order = np.argsort(-said, kind="stable")
        total = float(said.sum()) or 1.0
        return tuple(
            Evidence(
                text=self.examples.texts[own[index]],
                share=float(said[index]) / total,
                likeness=float(self.examples.embeddings[own[index]] @ embedding),
                words=tuple(self._words.shared(text, int(own[index]))),
            )
            for index in order
            if said[index] > 0
        )

    def text_probability(self, embedding: NDArray[np.float32], genre: str) -> float:
        """How surely a written text is of `genre` at even prior odds, 0..1.

        0 for a genre that is not known.
        """
        if genre not in self._taxonomy:
            return 0.0
        scores = self._meaning.scores(self._kernel(embedding, None))[:-1]
        probability = float(self._meaning.probabilities(scores)[self._genres.index(genre)])
        odds = probability * (len(self._genres) - 1)
        return odds / (odds + 1 - probability)

    def corrected(self, nudges: Mapping[str, NDArray[np.float32]]) -> Classifier:
        """This classifier with corrections in place of any earlier ones.

        `nudges` gives a genre the embeddings of requests that belong to it [n, d], each scaled by
        its weight 0..1. However many they are, they move a genre's score by at most 0.5, and only
        for requests much like them.
        """
        twin = copy(self)
        twin.nudges = {
            genre: np.atleast_2d(rows) for genre, rows in nudges.items() if genre in self._taxonomy
        }
        return twin

    def to_bytes(self) -> bytes:
        """All that was learned, without corrections, as npz; about 2 MB."""
        meta = {
            "format": _FORMAT,
            "taxonomy": self._taxonomy.digest,
            "texts": self.examples.texts,
            "requests": self.examples.requests,
            "temperatures": [self._head.temperature, self._meaning.temperature],
        }
        target = io.BytesIO()
        np.savez_compressed(
            target,
            meta=np.frombuffer(json.dumps(meta).encode(), np.uint8),
            embeddings=self.examples.embeddings.astype(np.float16),
            labels=self.examples.labels.astype(np.uint16),
            head=self._head.alpha.astype(np.float16),
            meaning=self._meaning.alpha.astype(np.float16),
        )
        return target.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes, taxonomy: Taxonomy) -> Classifier:
        """What `to_bytes` wrote for this taxonomy.

        Raises ModelError `classifier_unreadable` or `classifier_stale`.
        """
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
                tensors = {
                    name: arrays[name]
                    for name in ("meta", "embeddings", "labels", "head", "meaning")
                }
            meta = json.loads(tensors["meta"].tobytes())
            found = meta["format"], meta["taxonomy"]
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise ModelError(
                "classifier_unreadable", f"expected a saved classifier, got {error}"
            ) from error
        if found != (_FORMAT, taxonomy.digest):
            message = (
                f"expected format {_FORMAT} for taxonomy {taxonomy.digest[:12]}, "
                f"got {found}: fit it again"
            )
            raise ModelError("classifier_stale", message)
        examples = Examples(
            texts=tuple(meta["texts"]),
            embeddings=tensors["embeddings"].astype(np.float32),
            labels=tensors["labels"].astype(np.intp),
            requests=meta["requests"],
        )
        heads = (tensors["head"], tensors["meaning"])
        pair = [
            KernelHead(alpha.astype(np.float32), each)
            for alpha, each in zip(heads, meta["temperatures"], strict=True)
        ]
        return cls(taxonomy, examples, pair[0], pair[1])

    def _kernel(self, embedding: NDArray[np.float32], text: str | None) -> NDArray[np.float32]:
        """Kernel of one request with the learned requests; without `text`, texts too.  # [n]"""
        alike: NDArray[np.float32] = 1 + self.examples.embeddings @ embedding
        if text is None:
            return alike**2
        return (alike[: self.examples.requests] + _WORDS * self._words.similarity(text)) ** 2

    def _probabilities(
        self, embedding: NDArray[np.float32], text: str | None
    ) -> NDArray[np.float32]:
        """Of each genre, and last of no genre.  # [genres + 1]"""
        head = self._meaning if text is None else self._head
        scores = head.scores(self._kernel(embedding, text))
        for genre, rows in self.nudges.items():
            scores[self._genres.index(genre)] += _nudge(rows, embedding)
        return head.probabilities(scores)

    def _classification(self, probabilities: NDArray[np.float32]) -> Classification:
        of_genres = probabilities[:-1]
        of_families = np.bincount(self._family, weights=of_genres, minlength=len(self._families))
        genres = _ranked(self._genres, of_genres)[:_SHOWN]
        families = _ranked(self._families, of_families)
        fallback = _fallback(genres[0][1], families[0][1], float(probabilities[-1]))
        return Classification(
            genres=genres,
            families=families,
            family=_family_of(fallback, self._taxonomy.family_of(genres[0][0]), families[0][0]),
            fallback=fallback,
        )


def _examples(taxonomy: Taxonomy, encoder: Encoder, known: Classifier | None) -> Examples:
    """Descriptions and requests by genre, the requests that belong to none, the genres' texts."""
    requests = [[genre.description, *genre.requests] for genre in taxonomy.genres.values()] + [
        list(taxonomy.outside)
    ]
    written = [list(genre.texts) for genre in taxonomy.genres.values()]
    labels = [
        [label] * len(each)
        for examples in (requests, written)
        for label, each in enumerate(examples)
    ]
    texts = tuple(text for each in (*requests, *written) for text in each)
    return Examples(
        texts=texts,
        embeddings=_embeddings(texts, encoder, known),
        labels=np.array([label for each in labels for label in each], np.intp),
        requests=sum(map(len, requests)),
    )


def _embeddings(
    texts: tuple[str, ...], encoder: Encoder, known: Classifier | None
) -> NDArray[np.float32]:
    have = dict(zip(known.examples.texts, known.examples.embeddings, strict=True)) if known else {}
    missing = [text for text in dict.fromkeys(texts) if text not in have]
    have.update(zip(missing, encoder.encode(missing), strict=True))
    return np.stack([have[text] for text in texts])


def _nudge(rows: NDArray[np.float32], embedding: NDArray[np.float32]) -> float:
    """Bounded sum of the corrections, each counting by its weight and its likeness."""
    weights = np.linalg.norm(rows, axis=1)
    cosine = np.clip(rows @ embedding / np.maximum(weights, 1e-6), 0.0, 1.0)
    return _NUDGE * float(np.tanh((weights * cosine**_LOCAL).sum()))


def _ranked(names: tuple[str, ...], probabilities: NDArray[Any]) -> tuple[tuple[str, float], ...]:
    order = np.argsort(-probabilities, kind="stable")
    return tuple((names[index], min(float(probabilities[index]), 1.0)) for index in order)


def _fallback(genre: float, family: float, outside: float) -> Literal["none", "family", "base"]:
    if genre >= _SURE and genre > outside:
        return "none"
    return "family" if family >= _SURE and family > outside else "base"


def _family_of(fallback: str, of_genre: str, likeliest: str) -> str | None:
    """The family that goes with what is acted upon."""
    return {"none": of_genre, "family": likeliest}.get(fallback)
