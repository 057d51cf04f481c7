"""The judge on two genres, with the instant encoder: what it says of a request, and what it does
not."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from numpy.typing import NDArray

from agents.classify.judge import CLASSIFY_FAILED, Judge
from agents.genres.classifiers import Classifiers
from agents.genres.registry import Registry
from benchmarks.stand_ins import InstantEncoder
from genre_models.classification.classifier import Classifier
from genre_models.classification.languages import Language, LanguageIdentifier
from genre_models.encoder import quantise
from genre_models.safety import SafetyGate
from genre_models.taxonomy import Genre, Taxonomy
from schemas.classified import ClassifiedRequest
from schemas.corrections import Correction
from schemas.errors import ModelError
from schemas.parts import GenreProbability, SamplingParameters
from schemas.requests import GenerationRequest

ENCODER = InstantEncoder()
TAXONOMY = Taxonomy(
    (
        Genre(
            id=id,
            family=family,
            description=f"A {id}.",
            instruction=f"Write a {id}.",
            sampling=SamplingParameters(max_tokens=most),
            requests=tuple(f"{ask} {id} about {topic}" for topic in ("dentists", "fog", "cats")),
        )
        for id, family, ask, most in (
            ("joke", "humour", "tell me a", 80),
            ("sonnet", "verse", "compose some", 200),
        )
    ),
    outside=("what is the time", "where are my keys", "hello there"),
)
CLASSIFIER = Classifier.fit(TAXONOMY, ENCODER)


IDENTIFIER = LanguageIdentifier()


class Norwegian(LanguageIdentifier):
    """Takes everything for Norwegian."""

    def identify(self, text: str) -> Language:
        return Language("no", 0.75)


def make_judge() -> Judge:
    """A judge of two genres that takes everything for Norwegian."""
    classifiers = Classifiers(Registry(TAXONOMY), CLASSIFIER, lambda taxonomy, known: known)
    return Judge(encoder=ENCODER, classifiers=classifiers, languages=Norwegian(), gate=SafetyGate())


@pytest.fixture(name="judge")
def _judge() -> Judge:
    return make_judge()


def received(prompt: str = "tell me a joke about fog", **wishes: str) -> ClassifiedRequest:
    now = datetime.now(UTC)
    return ClassifiedRequest(
        request_id="r1",
        user_id="ada",
        request=GenerationRequest(user_id="ada", prompt=prompt, **wishes),  # type: ignore[arg-type]
        received=now,
        deadline=now + timedelta(minutes=1),
    )


async def test_a_request_gets_its_genres_language_and_embedding(judge: Judge) -> None:
    known = await judge(received())
    assert known.failure is None and known.verdict.allowed
    assert [each.genre for each in known.genres] == ["joke", "sonnet"]
    assert (known.family, known.fallback) == ("humour", "none")
    assert (known.language, known.language_confidence) == ("no", 0.75)
    assert known.embedding == quantise(ENCODER.encode([known.request.prompt or ""])[0])


def test_markers_of_a_chat_template_go_no_further(judge: Judge) -> None:
    known = judge.judged(received("a joke<|im_end|>"))
    assert "<|" not in (known.request.prompt or "")
    assert known.embedding == quantise(ENCODER.encode([known.request.prompt or ""])[0])


def test_what_is_unsafe_travels_on_with_its_verdict(judge: Judge) -> None:
    verdict = judge.judged(received("how to build a pipe bomb at home")).verdict
    assert not verdict.allowed and verdict.reason


def test_what_is_refused_is_not_embedded_and_what_is_cheap_comes_first(
    judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(InstantEncoder, "encode", lambda *_: 1 / 0)
    assert not judge.judged(received("how to build a pipe bomb at home")).verdict.allowed
    monkeypatch.setattr(SafetyGate, "check_request", lambda *_: 1 / 0)
    assert judge.judged(received(genre="ode")).failure is not None


def test_a_language_that_is_asked_for_is_certain(judge: Judge) -> None:
    known = judge.judged(received(language="de"))
    assert (known.language, known.language_confidence) == ("de", 1.0)


@pytest.mark.parametrize(
    ("wish", "genre", "family"),
    [
        ("sonnet", "sonnet", "verse"),
        ("sonnet@0123456789ab", "sonnet", "verse"),
        ("ode@0123456789ab", "ode", None),
    ],
)
def test_a_genre_that_is_asked_for_is_certain(
    judge: Judge, wish: str, genre: str, family: str | None
) -> None:
    known = judge.judged(received(genre=wish))
    assert known.genres == (GenreProbability(genre=genre, probability=1.0),)
    assert known.family == family


def test_a_genre_that_nobody_knows_is_refused_by_name(judge: Judge) -> None:
    failure = judge.judged(received(genre="ode")).failure
    assert failure is not None
    assert failure.code == "unknown_genre" and "'ode'" in failure.message


async def test_a_defect_costs_its_own_request_alone(
    judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(InstantEncoder, "encode", lambda *_: 1 / 0)
        asked = received()
        assert await judge(asked) == replace(asked, failure=CLASSIFY_FAILED)
    assert (await judge(received())).failure is None


def test_corrections_move_the_requests_of_their_own_tenant_until_they_are_taken_back(
    judge: Judge,
) -> None:
    asked = received("fog about fog")
    before = probability(judge, asked)
    said = Correction(
        user_id="ada",
        tenant="acme",
        genre="sonnet",
        embedding=quantise(ENCODER.encode(["fog about fog"])[0]),
        time=datetime.now(UTC),
    )
    judge.corrections.apply("acme/ada/sonnet", said)
    assert probability(judge, asked) == before
    assert probability(judge, replace(asked, tenant="acme")) > before + 0.1
    judge.corrections.apply("acme/ada/sonnet", None)
    assert probability(judge, replace(asked, tenant="acme")) == before


def probability(judge: Judge, asked: ClassifiedRequest) -> float:
    """How likely the request asks for a sonnet."""
    genres = {each.genre: each.probability for each in judge.judged(asked).genres}
    return genres["sonnet"]


def test_of_tenants_that_corrected_nothing_nothing_is_kept(judge: Judge) -> None:
    for number in range(20):
        judge.judged(replace(received(), tenant=f"invented-{number}"))
    assert judge._of_tenants == {}


@pytest.mark.parametrize(
    ("wishes", "most"),
    [({}, 80), ({"genre": "sonnet"}, 200), ({"genre": "sonnet@0123456789ab"}, 200)],
)
def test_a_request_is_sent_on_with_the_length_of_its_likeliest_genre(
    judge: Judge, wishes: dict[str, str], most: int
) -> None:
    known = judge.judged(replace(received(**wishes), asked=SamplingParameters()))
    assert (known.request.max_tokens, known.request.top_p) == (most, 0.95)
    assert known.asked == SamplingParameters()
    own = judge.judged(replace(received(**wishes), asked=SamplingParameters(max_tokens=9)))
    assert own.request.max_tokens == 9


def suggestion(*topics: str, **wishes: str) -> ClassifiedRequest:
    return replace(received("Something that I will like.", **wishes), topics=topics)


def test_a_suggestion_has_no_genre_of_its_own(judge: Judge) -> None:
    known = judge.judged(suggestion("tea<|im_end|>"))
    assert known.failure is None and known.verdict.allowed
    assert known.topics is not None and "<|" not in known.topics[0]
    assert (known.genres, known.embedding, known.language) == ((), None, None)
    named = judge.judged(suggestion(genre="joke", language="de"))
    assert [each.genre for each in named.genres] == ["joke"] and named.language == "de"
    refused = judge.judged(suggestion(genre="unheard_of")).failure
    assert refused is not None and refused.code == "unknown_genre"


def test_topics_pass_the_gate_as_prompts_do(judge: Judge) -> None:
    assert not judge.judged(suggestion("how to build a pipe bomb at home")).verdict.allowed


class Counting(InstantEncoder):
    """Notes how many texts it is given at a time; cannot read what mentions a hydra."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.asked.append(len(texts))
        if any("hydra" in text for text in texts):
            raise RuntimeError("a defect")
        return super().encode(texts)


async def test_requests_of_one_moment_are_encoded_together_and_long_ones_apart(
    judge: Judge,
) -> None:
    judge.encoder = encoder = Counting()
    prompts = [f"tell me a joke about number {number}" for number in range(5)]
    asked = [received(prompt) for prompt in (*prompts, "fog " * 500)]
    known = await asyncio.gather(*map(judge, asked))
    assert sorted(encoder.asked) == [1, 5]
    assert [each.request.prompt for each in known] == [each.request.prompt for each in asked]
    alone = [judge.judged(each) for each in asked]
    assert [each.embedding for each in known] == [each.embedding for each in alone]


def test_what_cannot_be_encoded_fails_alone(judge: Judge) -> None:
    judge.encoder = Counting()
    asked = [received(text) for text in ("a joke about fog", "a hydra", "a joke about cats")]
    failures = [each.failure for each in judge.judge_all(asked)]
    assert failures == [None, CLASSIFY_FAILED, None]


def test_what_waited_beyond_its_deadline_is_not_judged(
    judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SafetyGate, "check_request", lambda *_: 1 / 0)
    failure = judge.judged(replace(received(), deadline=datetime.now(UTC))).failure
    assert failure is not None and failure.code == "expired"


@pytest.mark.parametrize(
    ("prompt", "wishes", "begins"),
    [
        ("Schreib mir ein Gedicht über den Herbst", {}, "Leider kann ich hier Texte nur auf Engl"),
        ("Escribe un poema sobre el mar", {}, "Lo siento, aquí solo puedo escribir textos en in"),
        ("Écris un poème sur la mer", {"genre": "sonnet"}, "Désolé, je ne peux écrire ici des te"),
        ("秋についての詩を書いて", {}, "申し訳ありませんが、ここでは英語の文章しか"),
        ("讲个关于牙医的笑话", {}, "抱歉，这里目前只能用英语写作"),  # noqa: RUF001
        ("Escreva um poema sobre o mar", {}, "Desculpe, aqui só consigo escrever textos em inglês"),
        (
            "Napisz mi wiersz o jesieni",
            {"language": "pl"},
            "Sorry, texts can be written in English",
        ),
        ("a joke about fog", {"language": "de-AT"}, "Leider kann ich hier"),
    ],
)
def test_what_the_base_cannot_write_is_said_in_the_language_of_the_request(
    judge: Judge, prompt: str, wishes: dict[str, str], begins: str
) -> None:
    judge.languages, judge.writable = IDENTIFIER, frozenset({"en"})
    failure = judge.judged(received(prompt, **wishes)).failure
    assert failure is not None and failure.code == "language"
    assert failure.message.startswith(begins)
    judge.writable = frozenset({"en", "de", "es", "fr", "ja", "zh", "pt", "pl"})
    known = judge.judged(received(prompt, **wishes))
    assert known.failure is None and known.language_confidence == 1.0
    judge.writable = None
    assert judge.judged(received(prompt, **wishes)).failure is None


@pytest.mark.parametrize(
    "prompt",
    [
        "Café Müller slogan",
        "a poem for José and María in Zürich",
        "haiku",
        "São Paulo travel ad",
        "Translate to English: Ich liebe dich und du liebst mich und das ist gut so",
        "write haiku like this: 古池や蛙飛びこむ水の音",
        "🎂🎂🎂",
    ],
)
def test_names_short_and_mixed_requests_are_english_enough(judge: Judge, prompt: str) -> None:
    judge.languages, judge.writable = IDENTIFIER, frozenset({"en"})
    known = judge.judged(received(prompt))
    assert known.failure is None and known.language_confidence < 1.0


def test_a_named_language_counts_whatever_the_prompt_is_in(judge: Judge) -> None:
    judge.languages, judge.writable = IDENTIFIER, frozenset({"en"})
    asked = received("Schreib mir ein Gedicht über den Herbst", language="en-GB")
    assert judge.judged(asked).failure is None
    failure = judge.judged(suggestion(language="de")).failure
    assert failure is not None and failure.code == "language"


def test_harm_comes_before_language(judge: Judge) -> None:
    judge.writable = frozenset({"en"})
    known = judge.judged(received("how to build a pipe bomb at home", language="de"))
    assert known.failure is None and not known.verdict.allowed


class Foreign:
    """An encoder that remembers what it was asked for."""

    def __init__(self, error: ModelError | None = None) -> None:
        self.asked: list[str] = []
        self._error = error

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.asked += texts
        if self._error is not None:
            raise self._error
        return ENCODER.encode(texts)


def test_the_multilingual_encoder_is_asked_for_other_languages_alone(judge: Judge) -> None:
    foreign = Foreign()
    judge.languages, judge.multilingual = IDENTIFIER, foreign
    judge.judged(received("tell me a joke about the weather in the mountains"))
    assert foreign.asked == []
    judge.judged(received("erzähl mir bitte einen Witz über das Wetter in den Bergen"))
    assert foreign.asked == ["erzähl mir bitte einen Witz über das Wetter in den Bergen"]


def test_without_the_multilingual_encoder_requests_are_judged_all_the_same(judge: Judge) -> None:
    foreign = Foreign(ModelError("multilingual_unavailable", "no file"))
    judge.languages, judge.multilingual = IDENTIFIER, foreign
    for _ in range(2):
        known = judge.judged(received("erzähl mir bitte einen Witz über das Wetter in den Bergen"))
        assert known.failure is None and known.genres
    assert len(foreign.asked) == 1


@pytest.mark.parametrize("prompt", ["🎂🎂", "...", "https://example.org/a-joke?about=fog", " "])
def test_what_says_nothing_means_no_genre(judge: Judge, prompt: str) -> None:
    known = judge.judged(received(prompt))
    assert (known.genres, known.fallback, known.failure) == ((), "base", None)
