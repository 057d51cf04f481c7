"""Which genre a request asks for, in any language, and which genre a text is of.

Calibrated probabilities over the two-level taxonomy, by heads on pretrained encoders.
"""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from genre_models.arrays import unpacked
from genre_models.classification.examples import (
    NO_GENRE,
    Example,
    of_languages,
    of_requests,
    of_texts,
    written_digest,
)
from genre_models.classification.linear_head import Examples, LinearHead, softmax, some
from genre_models.encoder import Encoder, LayeredEncoder, SideBySide
from genre_models.multilingual import Multilingual
from genre_models.taxonomy import Taxonomy
from schemas.errors import ModelError

log = logging.getLogger(__name__)

_FORMAT = 5  # raised with any change of how it is learned or packed
_SHOWN = 8
_SURE = 0.35  # a genre or family with less calibrated probability than this is not acted upon
_NUDGE = 8.0  # nats: most that corrections move a genre; a clear request is surer than that
_LOCAL = 4  # power of the cosine: a correction hardly reaches requests that are only loosely alike
_REQUESTS, _LANGUAGES, _TEXTS = "requests", "languages", "texts"
_EXAMPLES = {_REQUESTS: of_requests, _LANGUAGES: of_languages, _TEXTS: of_texts}
_ARRAYS = ("meaning", "words", "bias", "mean", "axes", "idf")

Points = NDArray[np.float16]


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
class Evidence:
    """What spoke for a genre: parts of its score, which is about 1 if it is meant and -1 if not.

    `words` are words and pairs of words of the request with what each adds, the most first;
    `examples` learned requests of the genre with the cosine of the embeddings, the likest first.
    """

    meaning: float
    words: tuple[tuple[str, float], ...]
    examples: tuple[tuple[str, float], ...]


class Classifier:
    """Three linear heads: of requests in English, which read the last four layers of the encoder,
    of those in other languages, and of texts.
    """

    def __init__(
        self,
        taxonomy: Taxonomy,
        heads: Mapping[str, LinearHead],
        points: Mapping[str, Mapping[str, Points]],
        learned: Mapping[str, Mapping[str, str]],
    ) -> None:
        self._taxonomy = taxonomy
        self.heads = heads
        self.points = points
        """By head and text, the points that new genres are told from."""
        self.learned = learned
        """By head and class, a digest of what it was learned from."""
        self.nudges: dict[str, NDArray[np.float32]] = {}
        """Embeddings of corrections by genre, as `corrected` takes them."""
        self._genres = tuple(taxonomy.genres)
        self._families = tuple(taxonomy.families)
        self._family = np.array(
            [self._families.index(taxonomy.family_of(genre)) for genre in self._genres]
        )
        places = {label: at for at, label in enumerate((*self._genres, NO_GENRE))}
        self._places = {
            name: [places[label] for label in head.classes] for name, head in heads.items()
        }

    @classmethod
    def fit(
        cls,
        taxonomy: Taxonomy,
        encoder: LayeredEncoder,
        known: Classifier | None = None,
        multilingual: Multilingual | None = None,
    ) -> Classifier:
        """Learn from every genre's name, description, requests and texts, and what is written.

        What `known` has learned from the same examples is taken from it: then a genre takes a
        second. Where `multilingual` is missing or fails, other languages are not learned.
        Deterministic.
        """
        examples = {name: of(taxonomy) for name, of in _EXAMPLES.items()}
        with ThreadPoolExecutor(1) as beside:  # the two encoders take as long, a core each
            languages = beside.submit(_languages, examples[_LANGUAGES], multilingual, known)
            requests = _learned(_REQUESTS, examples[_REQUESTS], SideBySide(encoder), known)
            texts = _learned(_TEXTS, examples[_TEXTS], encoder, known)
            parts = {_REQUESTS: requests, _LANGUAGES: languages.result(), _TEXTS: texts}
        found = {name: part for name, part in parts.items() if part is not None}
        return cls(
            taxonomy,
            {name: part.head for name, part in found.items()},
            {name: part.points for name, part in found.items()},
            {name: part.told for name, part in found.items()},
        )

    def predict_one(
        self,
        layers: NDArray[np.float32],
        text: str | None = None,
        foreign: NDArray[np.float32] | None = None,
    ) -> Classification:
        """Classify a request by what the encoder's `layers` [4, 384] say, of which the last is its
        embedding, and, which is clearly better, its text.

        `foreign`, the embedding by the multilingual encoder, is for requests that are not in
        English.
        """
        return self._classification(self._probabilities(layers, text, foreign))

    def evidence(
        self,
        genre: str,
        layers: NDArray[np.float32],
        text: str,
        foreign: NDArray[np.float32] | None = None,
    ) -> Evidence | None:
        """What spoke for a genre in a request, as `predict_one` gets it; None if unknown."""
        name, vector = self._asked(layers, foreign)
        head = self.heads[name]
        if genre not in head.classes:
            return None
        words = head.said(text, genre)
        point = head.points(vector)
        alike = {
            each.text: _cosine(point, self.points[name][each.text].astype(np.float32))
            for each in _EXAMPLES[name](self._taxonomy)
            if each.label == genre and each.text in self.points[name]
        }
        return Evidence(
            meaning=float(point @ head.meaning[:, head.classes.index(genre)]),
            words=tuple(sorted(words.items(), key=lambda each: -each[1])),
            examples=tuple(sorted(alike.items(), key=lambda each: -each[1])),
        )

    def text_probability(self, embedding: NDArray[np.float32], genre: str) -> float:
        """How surely a written text is of `genre` at even prior odds, 0..1.

        0 for a genre that is not known.
        """
        head = self.heads[_TEXTS]
        if genre not in self._taxonomy or genre not in head.classes:
            return 0.0
        probabilities = head.probabilities(head.scores(embedding, None))
        probability = float(probabilities[head.classes.index(genre)])
        odds = probability * (len(head.classes) - 1)
        return odds / (odds + 1 - probability)

    @property
    def knows_languages(self) -> bool:
        """Whether requests in other languages than English were learned from."""
        return _LANGUAGES in self.heads

    def is_of(self, taxonomy: Taxonomy) -> bool:
        """Whether this has learned exactly these genres, from all that is written now."""
        return set(self._genres) == set(taxonomy.genres) and all(
            self.learned.get(name) == _told(examples(taxonomy))
            for name, examples in _EXAMPLES.items()
        )

    def corrected(self, nudges: Mapping[str, NDArray[np.float32]]) -> Classifier:
        """This classifier with corrections in place of any earlier ones.

        `nudges` gives a genre the embeddings of requests that belong to it [n, d], each scaled by
        its weight 0..1. However many they are, they move a genre by at most 8 nats, and only for
        requests much like them.
        """
        twin = copy(self)
        twin.nudges = {
            genre: np.atleast_2d(rows) for genre, rows in nudges.items() if genre in self._taxonomy
        }
        return twin

    def to_bytes(self) -> bytes:
        """All that was learned, without corrections, as npz; about 8 MB."""
        meta: dict[str, Any] = {
            "format": _FORMAT,
            "taxonomy": self._taxonomy.digest,
            "written": written_digest(),
            "learned": self.learned,
            "texts": {name: list(rows) for name, rows in self.points.items()},
            "classes": {name: head.classes for name, head in self.heads.items()},
            "temperatures": {name: head.temperature for name, head in self.heads.items()},
        }
        arrays = {
            f"{name}_{array}": getattr(head, array).astype(np.float16)
            for name, head in self.heads.items()
            for array in _ARRAYS
        } | {f"{name}_points": np.stack(list(rows.values())) for name, rows in self.points.items()}
        target = io.BytesIO()
        packed = np.frombuffer(json.dumps(meta).encode(), np.uint8)
        np.savez_compressed(target, meta=packed, **arrays)
        return target.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes, taxonomy: Taxonomy) -> Classifier:
        """What `to_bytes` wrote for this taxonomy.

        Raises ModelError `classifier_unreadable` or `classifier_stale`.
        """
        meta, tensors = _opened(data)
        found = meta["format"], meta["taxonomy"], meta["written"]
        if found != (_FORMAT, taxonomy.digest, written_digest()):
            message = (
                f"expected format {_FORMAT} for taxonomy {taxonomy.digest[:12]} and what is "
                f"written now, got {found}: fit it again"
            )
            raise ModelError("classifier_stale", message)
        return cls(taxonomy, *_parts(meta, tensors))

    def _probabilities(
        self,
        layers: NDArray[np.float32],
        text: str | None,
        foreign: NDArray[np.float32] | None,
    ) -> NDArray[np.float32]:
        """Of each genre, and last of no genre.  # [genres + 1]"""
        name, vector = self._asked(layers, foreign)
        head = self.heads[name]
        logits = np.full(len(self._genres) + 1, -np.inf, np.float32)
        logits[self._places[name]] = head.temperature * head.scores(vector, text)
        for genre, rows in self.nudges.items():
            logits[self._genres.index(genre)] += _nudge(rows, layers[-1])
        return softmax(logits)

    def _asked(
        self, layers: NDArray[np.float32], foreign: NDArray[np.float32] | None
    ) -> tuple[str, NDArray[np.float32]]:
        """The head to ask, and what it reads."""
        if foreign is not None and _LANGUAGES in self.heads:
            return _LANGUAGES, foreign
        return _REQUESTS, layers.ravel()

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


def digest_of(taxonomy: Taxonomy) -> str:
    """sha256 (64 hex digits) over all that the taxonomy's classifier is learned from, and how."""
    return sha256(f"{_FORMAT} {taxonomy.digest} {written_digest()}".encode()).hexdigest()


class _Learned(NamedTuple):
    """A head, the points that a later one can use, and what each class was learned from."""

    head: LinearHead
    points: dict[str, Points]
    told: dict[str, str]


def _languages(
    examples: Sequence[Example], encoder: Encoder | None, known: Classifier | None
) -> _Learned | None:
    """What is learned of other languages; nothing, with a line in the log, where that fails."""
    try:
        return _learned(_LANGUAGES, examples, encoder, known) if encoder else None
    except ModelError as error:
        log.warning("requests in other languages are not understood: %s", error)
        return None


def _learned(
    name: str, examples: Sequence[Example], encoder: Encoder, known: Classifier | None
) -> _Learned:
    told = _told(examples)
    before = known.learned.get(name, {}) if known else {}
    new = {label for label, digest in told.items() if before.get(label) != digest}
    if known is None or len(new) == len(told):
        rows = dict(zip(_texts(examples), encoder.encode(_texts(examples)), strict=True))
        head = LinearHead.fit(_with_rows(examples, rows), with_words=name != _TEXTS)
        chosen = [examples[row] for row in some([each.label for each in examples])]
        points = {each.text: head.points(rows[each.text]).astype(np.float16) for each in chosen}
        return _Learned(head, points, told)
    points, head = dict(known.points[name]), known.heads[name]
    at_hand = [each for each in examples if each.label in new or each.text in points]
    missing = [text for text in _texts(at_hand) if text not in points]
    if missing:
        found = head.points(encoder.encode(missing)).astype(np.float16)
        points |= zip(missing, found, strict=True)
    chosen = [at_hand[row] for row in some([each.label for each in at_hand], new)]
    kept = {text: points[text] for text in _texts(at_hand)}
    return _Learned(head.grown(_with_rows(chosen, points), new), kept, told)


def _texts(examples: Sequence[Example]) -> list[str]:
    return list(dict.fromkeys(each.text for each in examples))


def _told(examples: Sequence[Example]) -> dict[str, str]:
    digests: dict[str, Any] = {}
    for each in examples:
        digests.setdefault(each.label, sha256()).update(repr(each.text).encode())
    return {label: digest.hexdigest() for label, digest in digests.items()}


def _with_rows(examples: Sequence[Example], rows: Mapping[str, NDArray[Any]]) -> Examples:
    return Examples(
        texts=tuple(each.text for each in examples),
        embeddings=np.stack([rows[each.text] for each in examples]).astype(np.float32),
        labels=tuple(each.label for each in examples),
        sources=tuple(each.source for each in examples),
    )


def _opened(data: bytes) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """What a saved classifier says of itself, and its arrays."""
    try:
        tensors = unpacked(data)
        meta = json.loads(tensors.pop("meta").tobytes())
        return {"format": None, "taxonomy": None, "written": None} | meta, tensors
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(
            "classifier_unreadable", f"expected a saved classifier, got {error}"
        ) from error


def _parts(
    meta: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]
) -> tuple[dict[str, LinearHead], dict[str, dict[str, Points]], dict[str, dict[str, str]]]:
    heads = {}
    for name, classes in meta["classes"].items():
        arrays = {each: tensors[f"{name}_{each}"].astype(np.float32) for each in _ARRAYS}
        heads[name] = LinearHead(
            classes=tuple(classes),
            temperature=meta["temperatures"][name],
            **arrays | {"words": tensors[f"{name}_words"]},
        )
    points = {
        name: dict(zip(texts, tensors[f"{name}_points"], strict=True))
        for name, texts in meta["texts"].items()
    }
    return heads, points, meta["learned"]


def _nudge(rows: NDArray[np.float32], embedding: NDArray[np.float32]) -> float:
    """Bounded sum of the corrections, each counting by its weight and its likeness."""
    weights = np.linalg.norm(rows, axis=1)
    cosine = np.clip(rows @ embedding / np.maximum(weights, 1e-6), 0.0, 1.0)
    return _NUDGE * float(np.tanh((weights * cosine**_LOCAL).sum()))


def _cosine(left: NDArray[np.float32], right: NDArray[np.float32]) -> float:
    return float(left @ right / max(float(np.linalg.norm(left) * np.linalg.norm(right)), 1e-6))


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
