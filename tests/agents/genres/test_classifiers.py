"""A new genre teaches the classifier while it runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from agents.genres.classifiers import Classifiers, classifier_file, load_classifier
from agents.genres.registry import Registry
from benchmarks.stand_ins import InstantEncoder
from genre_models.classification.classifier import Classifier
from genre_models.encoder import LAYERS, LayeredEncoder
from genre_models.taxonomy import Genre, Taxonomy
from schemas.errors import ModelError
from streams.settings import Settings
from tests.agents.genres.test_registry import HAIKU

OUTSIDE = ("what time is it", "book a table", "reset my password", "how far is the moon")
SMALL = Taxonomy(
    (
        Genre(
            id,
            "family",
            f"A {id}.",
            f"Write a {id}.",
            tuple(f"{verb} {id} about {topic}" for verb, topic in asked),
        )
        for id, asked in (
            ("joke", (("tell a", "cats"), ("another", "dogs"), ("one", "rain"), ("my", "work"))),
            (
                "recipe",
                (
                    ("cook a", "beans"),
                    ("print the", "soup"),
                    ("a quick", "fish"),
                    ("grandma's", "cake"),
                ),
            ),
        )
    ),
    OUTSIDE,
)
EVENT = replace(
    HAIKU,
    requests=("a haiku about rain", "haiku on frogs please", "one more haiku", "write haiku"),
    texts=(),
)
LIMERICK = Genre(
    "limerick", "family", "A limerick.", "Write one.", ("a limerick on tea", "limerick please")
)
ENCODER: LayeredEncoder = InstantEncoder()


def classifiers() -> Classifiers:
    first = Classifier.fit(SMALL, ENCODER)
    return Classifiers(
        Registry(SMALL), first, lambda genres, known: Classifier.fit(genres, ENCODER, known)
    )


def likeliest(known: Classifiers, prompt: str, tenant: str | None = None) -> str:
    layers = ENCODER.layers([prompt])[0]
    return known.of(tenant).predict_one(layers, prompt).genres[0][0]


def test_a_request_for_a_new_genre_is_classified_as_it_after_the_event() -> None:
    known = classifiers()
    assert likeliest(known, "a haiku about snow") != "haiku"
    known.apply(EVENT.name, EVENT)
    known.settle()
    assert likeliest(known, "a haiku about snow") == "haiku"
    assert likeliest(known, "tell a joke about snow") == "joke"
    known.apply(EVENT.name, replace(EVENT, kind="withdrawn"))
    assert likeliest(known, "a haiku about snow") != "haiku"


def test_a_tenants_genre_is_not_seen_by_others() -> None:
    known = classifiers()
    known.apply(EVENT.name, replace(EVENT, tenant="acme"))
    known.settle()
    assert likeliest(known, "a haiku about snow", "acme") == "haiku"
    assert likeliest(known, "a haiku about snow") != "haiku"
    assert known.of("other") is known.of(None)


def test_of_many_genres_only_what_is_new_is_learned() -> None:
    asked: list[set[str]] = []

    def fit(genres: Taxonomy, known: Classifier) -> Classifier:
        asked.append(set(genres.genres) - set(known._genres))
        return Classifier.fit(genres, ENCODER, known)

    known = Classifiers(Registry(SMALL), Classifier.fit(SMALL, ENCODER), fit)
    for name in ("haiku", "limerick", "elegy"):
        known.apply(name, replace(EVENT, name=f"{name}@ffffffffffff", genre=name))
        known.settle()
    assert asked == [{"haiku"}, {"limerick"}, {"elegy"}]


def test_a_genre_that_cannot_be_learned_leaves_the_old_classifier_at_work() -> None:
    def broken(genres: Taxonomy, known: Classifier) -> Classifier:
        raise RuntimeError("a defect")

    known = Classifiers(Registry(SMALL), Classifier.fit(SMALL, ENCODER), broken)
    known.apply(EVENT.name, EVENT)
    known.settle()
    assert likeliest(known, "tell a joke about cats") == "joke"


def test_of_tenants_without_adapters_no_classifier_is_kept() -> None:
    known = classifiers()
    known.apply(EVENT.name, EVENT)
    known.settle()
    for number in range(100):
        assert known.of(f"invented-{number}") is known.of(None)
    assert known._latest.keys() == {None}


def test_a_tenants_first_adapter_is_learned_beside_the_shared_genres() -> None:
    known = classifiers()
    known.apply(EVENT.name, EVENT)
    known.settle()
    shared = known.of(None)
    own = replace(EVENT, name="haiku@ffffffffffff", tenant="acme", genre="limerick")
    known.registry.apply(own.name, own)
    assert known.of("acme") is shared
    known.settle()
    assert known.of("acme") is not shared


class Counted:
    """The instant encoder, or none, and how many texts it was asked for."""

    def __init__(self, is_there: bool = True) -> None:
        self.asked = 0
        self._is_there = is_there

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        if not self._is_there:
            raise ModelError("multilingual_unavailable", "expected the encoder, got none")
        self.asked += len(texts)
        return ENCODER.encode(texts)

    def layers(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.repeat(self.encode(texts)[:, None], LAYERS, axis=1)


def test_what_was_fitted_is_read_by_whoever_starts_later(tmp_path: Path) -> None:
    settings, first, second = Settings(models=tmp_path), Counted(), Counted()
    one = load_classifier(settings, SMALL, first, multilingual=ENCODER)
    other = load_classifier(settings, SMALL, second, multilingual=ENCODER)
    assert (first.asked > 0, second.asked) == (True, 0)
    assert one.to_bytes() == other.to_bytes() == classifier_file(settings, SMALL).read_bytes()


def test_a_file_that_is_stale_or_no_classifier_is_fitted_again(tmp_path: Path) -> None:
    settings, encoder = Settings(models=tmp_path), Counted()
    of_others = Classifier.fit(SMALL.with_genre(LIMERICK), ENCODER).to_bytes()
    for content in (b"PK no zip", of_others):
        classifier_file(settings, SMALL).write_bytes(content)
        before = encoder.asked
        assert load_classifier(settings, SMALL, encoder, multilingual=ENCODER).is_of(SMALL)
        assert encoder.asked > before


def test_a_genre_more_is_learned_from_what_is_known_and_kept_too(tmp_path: Path) -> None:
    settings, grown = Settings(models=tmp_path), SMALL.with_genre(LIMERICK)
    first, more, again = Counted(), Counted(), Counted()
    known = load_classifier(settings, SMALL, first, None, ENCODER)
    assert load_classifier(settings, grown, more, known, ENCODER).is_of(grown)
    assert 0 < more.asked < first.asked
    assert load_classifier(settings, grown, again, known, ENCODER).is_of(grown)
    assert load_classifier(settings, SMALL, again, known, ENCODER) is known and not again.asked


def test_other_languages_are_learned_later_where_their_encoder_was_missing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings, encoder = Settings(models=tmp_path), Counted()
    missing, there = Counted(is_there=False), Counted()
    assert not load_classifier(settings, SMALL, encoder, multilingual=missing).knows_languages
    whole = encoder.asked
    assert not load_classifier(settings, SMALL, encoder, multilingual=missing).knows_languages
    assert "requests in other languages are not understood" in caplog.text
    assert load_classifier(settings, SMALL, encoder, multilingual=there).knows_languages
    asked = there.asked
    assert load_classifier(settings, SMALL, encoder, multilingual=there).knows_languages
    assert (encoder.asked, there.asked) == (whole, asked)  # nothing is learned twice
