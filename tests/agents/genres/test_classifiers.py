"""A new genre teaches the classifier while it runs."""

from __future__ import annotations

from dataclasses import replace

from agents.genres.classifiers import Classifiers
from agents.genres.registry import Registry
from benchmarks.stand_ins import InstantEncoder
from genre_models.classification.classifier import Classifier
from genre_models.encoder import Encoder
from genre_models.taxonomy import Genre, Taxonomy
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
ENCODER: Encoder = InstantEncoder()


def classifiers() -> Classifiers:
    first = Classifier.fit(SMALL, ENCODER)
    return Classifiers(
        Registry(SMALL), first, lambda genres, known: Classifier.fit(genres, ENCODER, known)
    )


def likeliest(known: Classifiers, prompt: str, tenant: str | None = None) -> str:
    embedding = ENCODER.encode([prompt])[0]
    return known.of(tenant).predict_one(embedding, prompt).genres[0][0]


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
