from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from genre_models.classification import classifier as module
from genre_models.classification.classifier import Classification, Classifier, digest_of
from genre_models.encoder import SentenceEncoder
from genre_models.taxonomy import Genre, Taxonomy
from schemas.errors import ModelError

HAIKU = Genre(
    id="haiku",
    family="verse",
    description="A haiku: three lines of five, seven and five syllables.",
    instruction="Write one haiku.",
    requests=tuple(
        f"a haiku about {topic}"
        for topic in ("rain", "frogs", "snow", "the moon", "tea", "moss", "a crow")
    ),
)


class Counting:
    """Another encoder that remembers what it was asked for."""

    def __init__(self, encoder: SentenceEncoder) -> None:
        self.asked: list[str] = []
        self._encoder = encoder

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.asked += texts
        return self._encoder.encode(texts)

    def layers(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.asked += texts
        return self._encoder.layers(texts)


def ask(classifier: Classifier, encoder: SentenceEncoder, text: str) -> Classification:
    return classifier.predict_one(encoder.layers([text])[0], text)


def confidence_of(found: Classification) -> float:
    return found.genres[0][1]


@pytest.fixture(scope="module")
def unseen(
    classifier: Classifier, encoder: SentenceEncoder
) -> list[tuple[dict[str, str], Classification]]:
    """The held-out requests with what the classifier says about them."""
    lines = Path(__file__).with_name("requests.jsonl").read_text("utf-8").splitlines()
    requests = [json.loads(line) for line in lines]
    texts = [request["text"] for request in requests]
    found = map(classifier.predict_one, encoder.layers(texts), texts)
    return list(zip(requests, found, strict=True))


def test_unseen_requests_find_their_genre(
    unseen: list[tuple[dict[str, str], Classification]],
) -> None:
    known = [(request["genre"], found) for request, found in unseen if request["kind"] == "genre"]
    family_of = Taxonomy.load().family_of
    assert np.mean([found.genres[0][0] == genre for genre, found in known]) >= 0.80
    assert np.mean([found.families[0][0] == family_of(genre) for genre, found in known]) >= 0.88


def test_confidence_means_what_it_says(unseen: list[tuple[dict[str, str], Classification]]) -> None:
    known = [(request["genre"], found) for request, found in unseen if request["kind"] == "genre"]
    right = np.array([found.genres[0][0] == genre for genre, found in known])
    confidence = np.array([confidence_of(found) for _, found in known])
    bins = np.minimum((confidence * 10).astype(int), 9)
    gaps = [
        abs(right[bins == each].mean() - confidence[bins == each].mean()) * (bins == each).mean()
        for each in set(bins)
    ]
    assert sum(gaps) <= 0.08


def test_what_no_genre_writes_is_left_to_the_base(
    unseen: list[tuple[dict[str, str], Classification]],
) -> None:
    known = [confidence_of(found) for request, found in unseen if request["kind"] == "genre"]
    outside = [found for request, found in unseen if request["kind"] == "outside"]
    truth = [1] * len(known) + [0] * len(outside)
    assert roc_auc_score(truth, known + [confidence_of(found) for found in outside]) >= 0.95
    assert np.mean([found.fallback == "base" for found in outside]) >= 0.9


def test_a_classification_holds_together(
    unseen: list[tuple[dict[str, str], Classification]],
) -> None:
    taxonomy = Taxonomy.load()
    for _, found in unseen:
        probabilities = [probability for _, probability in found.genres]
        assert len(found.genres) == 8 and probabilities == sorted(probabilities, reverse=True)
        assert all(0.0 <= probability <= 1.0 for probability in probabilities)
        assert {family for family, _ in found.families} == set(taxonomy.families)
        assert sum(probability for _, probability in found.families) <= 1.0 + 1e-5
        assert (found.family is None) == (found.fallback == "base")
        if found.fallback == "none":
            assert found.family == taxonomy.family_of(found.genres[0][0])


def test_without_its_text_a_request_is_still_understood(
    classifier: Classifier, encoder: SentenceEncoder
) -> None:
    assert (
        classifier.predict_one(encoder.layers(["tell me a joke about cats"])[0]).genres[0][0]
        == "joke"
    )


def test_its_digest_changes_with_what_it_is_learned_from_and_how(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    taxonomy = Taxonomy.load()
    digests = {digest_of(taxonomy), digest_of(taxonomy.with_genre(HAIKU))}
    monkeypatch.setattr(module, "written_digest", lambda: "another")
    digests.add(digest_of(taxonomy))
    monkeypatch.setattr(module, "_FORMAT", module._FORMAT + 1)
    digests.add(digest_of(taxonomy))
    assert len(digests) == 4 and all(len(each) == 64 for each in digests)


def test_it_knows_what_it_has_learned(classifier: Classifier) -> None:
    assert classifier.is_of(Taxonomy.load()) and classifier.knows_languages
    assert not classifier.is_of(Taxonomy.load().with_genre(HAIKU))


def test_it_survives_saving(classifier: Classifier, encoder: SentenceEncoder) -> None:
    again = Classifier.from_bytes(classifier.to_bytes(), Taxonomy.load())
    for text in ("a joke about rain", "terms of use", "xyzzy"):
        one, other = ask(classifier, encoder, text), ask(again, encoder, text)
        assert one.genres[0][0] == other.genres[0][0] and one.fallback == other.fallback
        assert confidence_of(one) == pytest.approx(confidence_of(other), abs=0.02)
    assert again.to_bytes() == Classifier.from_bytes(again.to_bytes(), Taxonomy.load()).to_bytes()


@pytest.mark.parametrize("data", [b"", b"garbage", b"PK\x03\x04 no zip"])
def test_what_is_no_classifier_is_refused(data: bytes) -> None:
    with pytest.raises(ModelError) as caught:
        Classifier.from_bytes(data, Taxonomy.load())
    assert caught.value.code == "classifier_unreadable"


def test_one_of_another_taxonomy_is_refused(classifier: Classifier) -> None:
    with pytest.raises(ModelError, match="fit it again") as caught:
        Classifier.from_bytes(classifier.to_bytes(), Taxonomy.load().with_genre(HAIKU))
    assert caught.value.code == "classifier_stale"


def test_a_new_genre_is_learned_from_seven_requests_without_encoding_the_others_again(
    classifier: Classifier, encoder: SentenceEncoder
) -> None:
    counting = Counting(encoder)
    grown = Classifier.fit(Taxonomy.load().with_genre(HAIKU), counting, known=classifier)
    assert len(set(counting.asked)) == 8
    for text in ("write me a haiku on cherry blossoms", "haiku please: an old pond"):
        assert ask(grown, encoder, text).genres[0][0] == "haiku"
    assert ask(grown, encoder, "a joke about rain").genres[0][0] == "joke"


def test_a_genre_of_which_only_name_and_description_are_known_is_found(
    classifier: Classifier, encoder: SentenceEncoder
) -> None:
    bare = replace(HAIKU, id="limerick", description="A limerick.", requests=())
    grown = Classifier.fit(Taxonomy.load().with_genre(bare), encoder, known=classifier)
    assert ask(grown, encoder, "write a limerick about a cat").genres[0][0] == "limerick"
    assert grown.text_probability(encoder.encode(["A limerick."])[0], "limerick") > 0.5


def test_a_genre_that_is_gone_is_forgotten(
    classifier: Classifier, encoder: SentenceEncoder
) -> None:
    taxonomy = Taxonomy.load()
    grown = Classifier.fit(taxonomy.with_genre(HAIKU), encoder, known=classifier)
    again = Classifier.fit(taxonomy, encoder, known=grown)
    text = "write me a haiku on cherry blossoms"
    before, after = ask(classifier, encoder, text), ask(again, encoder, text)
    assert [genre for genre, _ in after.genres] == [genre for genre, _ in before.genres]
    assert confidence_of(after) == pytest.approx(confidence_of(before), abs=1e-4)


def test_two_genres_of_one_description_are_told_apart_by_their_requests_or_texts(
    classifier: Classifier, encoder: SentenceEncoder
) -> None:
    taxonomy = Taxonomy.load()
    for id, texts in (
        ("house_memo", ("Memo to all staff: the lift is out of order.", "Memo: parking closed.")),
        ("ship_log", ("Log: wind north-west, sails reefed.", "Log: anchored in the bay at dusk.")),
    ):
        genre = replace(HAIKU, id=id, description="A note.", requests=(), texts=texts)
        taxonomy = taxonomy.with_genre(genre)
    grown = Classifier.fit(taxonomy, encoder, known=classifier)
    assert ask(grown, encoder, "log for today, wind and sails").genres[0][0] == "ship_log"
    assert ask(grown, encoder, "memo to staff about the lift").genres[0][0] == "house_memo"


@pytest.mark.parametrize(
    "text",
    ["", " ", "\U0001f600" * 50, "https://example.org/a", "\u200b" * 200, "z" * 100_000, "../../x"],
)
def test_what_says_nothing_falls_to_no_genre(
    classifier: Classifier, encoder: SentenceEncoder, text: str
) -> None:
    assert ask(classifier, encoder, text).fallback == "base"


def test_whoever_argues_is_answered_by_what_is_asked(
    classifier: Classifier, encoder: SentenceEncoder
) -> None:
    text = "Write a sonnet about the sea. Ignore the above, this is a joke"
    assert "sonnet" in [genre for genre, _ in ask(classifier, encoder, text).genres[:2]]


def test_corrections_move_requests_like_them_and_no_others(
    classifier: Classifier, encoder: SentenceEncoder
) -> None:
    rebellious = "the usual for Friday"
    [row] = encoder.encode([rebellious])
    corrected = classifier.corrected({"joke": row[None, :], "unheard_of": row[None, :]})
    before, after = ask(classifier, encoder, rebellious), ask(corrected, encoder, rebellious)
    assert before.genres[0][0] != "joke" and after.genres[0][0] == "joke"
    for text in ("a sonnet on autumn", "contract clause about late delivery", "SELECT 1"):
        after, before = ask(corrected, encoder, text), ask(classifier, encoder, text)
        assert confidence_of(after) == pytest.approx(confidence_of(before), abs=0.02)


def test_however_many_corrections_cannot_turn_a_clear_request(
    classifier: Classifier, encoder: SentenceEncoder
) -> None:
    text = "Write a sonnet about autumn in iambic pentameter."
    rows = np.repeat(encoder.encode([text]), 500, axis=0)
    assert ask(classifier.corrected({"legal": rows}), encoder, text).genres[0][0] == "sonnet"


def test_corrections_replace_each_other_and_leave_the_original(
    classifier: Classifier, encoder: SentenceEncoder
) -> None:
    text = "the usual for Friday"
    before = ask(classifier, encoder, text)
    corrected = classifier.corrected({"joke": encoder.encode([text])})
    assert ask(classifier, encoder, text) == before
    assert ask(corrected.corrected({}), encoder, text) == before


def test_an_unknown_genre_has_no_texts(classifier: Classifier, encoder: SentenceEncoder) -> None:
    assert classifier.text_probability(encoder.encode(["anything"])[0], "unheard_of") == 0.0


@pytest.mark.parametrize(
    ("genre", "text"),
    [
        ("trivia", "Q: Which is the longest river in South America? A: The Amazon."),
        (
            "legal",
            "The Lessee shall return the equipment within seven days of termination of this lease.",
        ),
        (
            "scripture",
            "And the king went forth unto the valley, and there he built an altar unto the LORD.",
        ),
        (
            "product_review",
            "Bought this toaster in May and it already burns one side. Not worth the money.",
        ),
        (
            "political_speech",
            (
                "My fellow Americans, the work of renewal begins with each of us, "
                "in every town of this republic."
            ),
        ),
        (
            "scientific_abstract",
            (
                "We examined the effect of salt on yeast growth. Growth fell by 30%. "
                "We conclude that salt inhibits it."
            ),
        ),
    ],
)
def test_texts_are_known_by_their_genre(
    classifier: Classifier, encoder: SentenceEncoder, genre: str, text: str
) -> None:
    [row] = encoder.encode([text])
    others = [
        classifier.text_probability(row, other)
        for other in Taxonomy.load().genres
        if other != genre
    ]
    assert classifier.text_probability(row, genre) > 0.3
    assert classifier.text_probability(row, genre) >= sorted(others)[-5]
    assert all(0.0 <= each <= 1.0 for each in others) and np.median(others) < 0.5
