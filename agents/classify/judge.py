"""What `classify` knows: encoder, classifier, language identifier and safety gate, in threads."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Concatenate, ParamSpec

import numpy as np
from numpy.typing import NDArray

from agents.classify.batches import Batches
from agents.classify.corrections import Corrections
from agents.classify.writable import written_languages
from agents.failures import expired, failure_of
from agents.genres.classifiers import Classifiers, load_classifiers
from agents.genres.registry import Registry
from genre_models.classification.certain_language import certain_language
from genre_models.classification.classifier import Classifier
from genre_models.classification.languages import Language, LanguageIdentifier
from genre_models.classification.words import says_something
from genre_models.classification.written.requests import ENGLISH
from genre_models.encoder import LayeredEncoder, SentenceEncoder, quantise
from genre_models.memory import give_back
from genre_models.multilingual import Multilingual, MultilingualEncoder
from genre_models.safety import Policy, SafetyGate, load_score, neutralise
from genre_models.sampling import in_numbers, resolved
from genre_models.taxonomy import Taxonomy
from genre_models.written_languages import plain, refusal
from schemas.classified import ClassifiedRequest
from schemas.errors import ModelError
from schemas.parts import Failure, GenreProbability
from streams.settings import Settings

log = logging.getLogger(__name__)

P = ParamSpec("P")

_DOUBT = 0.99  # of a language that a request is not certainly in, the most confidence

# Requests that one thread takes at a time. The encoder pads texts to its batch's longest: of so
# many, sorted by length, to a fifth more than they are; of 32 to two thirds more.
_BATCH = 128
# Characters. Longer prompts take a thread of their own: each costs as much as many short ones.
_LONG = 1000
_SURE = 0.9  # confidence from which on a refusal is said in the prompt's language

CLASSIFY_FAILED = Failure(code="classify_failed", message="The request could not be classified.")


@dataclass(slots=True, kw_only=True)
class Judge:
    """Judges requests in threads of its own, so that the event loop stays free.

    Requests that come while others are judged make the next batch, long ones apart.
    """

    encoder: LayeredEncoder
    classifiers: Classifiers
    corrections: Corrections = field(default_factory=Corrections)
    languages: LanguageIdentifier
    gate: SafetyGate
    multilingual: Multilingual | None = None
    writable: frozenset[str] | None = None
    """The languages that texts can be written in, by their codes; None: any."""
    _short: Batches[ClassifiedRequest, ClassifiedRequest] = field(init=False)
    _long: Batches[ClassifiedRequest, ClassifiedRequest] = field(init=False)
    _hour: tuple[int, int] = (0, 0)
    _of_tenants: dict[str | None, tuple[Classifier, int, Classifier]] = field(default_factory=dict)
    """By tenant: the plain classifier, the last change to corrections, and what both make."""

    def __post_init__(self) -> None:
        self._short = Batches(self.judge_all, _BATCH, "judge")
        self._long = Batches(self.judge_all, 1, "judge-long")

    async def __call__(self, received: ClassifiedRequest) -> ClassifiedRequest:
        """The request with all that can be said about it, or with the `failure` to say it."""
        texts = received.request.prompt or "", *(received.topics or ())
        lane = self._long if sum(map(len, texts)) > _LONG else self._short
        return await lane.ask(received)

    def judge_all(
        self, received: Sequence[ClassifiedRequest], *, gated: bool = True
    ) -> list[ClassifiedRequest]:
        """Each request with all that can be said about it, or with the `failure` to say it.

        Their prompts are encoded together. What goes wrong with one is that one's failure alone.
        What the gate declines is not looked at any further; without it, `verdict` says nothing.
        """
        known = [_guarded(self._opened, each) for each in received]
        open_ones = [place for place, each in enumerate(known) if _is_open(each)]
        prompts = [known[place].request.prompt or "" for place in open_ones]
        layers = dict(zip(open_ones, self._layers(prompts), strict=True))
        known = [
            _guarded(self._read, each, layers.get(place), gated) for place, each in enumerate(known)
        ]
        return [_guarded(self._in_numbers, self._in_words(each)) for each in known]

    def judged(self, received: ClassifiedRequest) -> ClassifiedRequest:
        """One request, as `judge_all` judges many."""
        return self.judge_all([received])[0]

    def _layers(self, prompts: Sequence[str]) -> list[NDArray[np.float32] | Exception]:
        """Of each prompt what the encoder's layers say, or why they do not."""
        if not prompts:
            return []
        try:
            return list(self.encoder.layers(prompts))
        except Exception as error:
            if len(prompts) == 1:
                return [error]
            return [found for prompt in prompts for found in self._layers([prompt])]

    def _in_words(self, known: ClassifiedRequest) -> ClassifiedRequest:
        """Decline what is beyond doubt in a language that cannot be written, in that language."""
        language, writable = known.language, self.writable
        if known.failure is not None or not known.verdict.allowed or writable is None:
            return known
        if language is None or known.language_confidence < 1.0 or plain(language) in writable:
            return known
        return replace(known, failure=Failure(code="language", message=refusal(language, writable)))

    def _in_numbers(self, known: ClassifiedRequest) -> ClassifiedRequest:
        """For workers that know no genre's, length and sampling of the most probable genre."""
        genres = self.classifiers.registry.taxonomy(known.tenant).genres
        likeliest = genres.get(known.genres[0].genre) if known.genres else None
        if known.asked is None or likeliest is None:
            return known
        parameters = resolved(known.asked, likeliest.sampling)
        return replace(known, request=in_numbers(known.request, parameters))

    def _opened(self, received: ClassifiedRequest) -> ClassifiedRequest:
        """The request with its prompt neutralised, or with what refuses it unread."""
        if received.deadline <= datetime.now(UTC):
            return replace(received, failure=expired(received.deadline))
        prompt = neutralise(received.request.prompt or "")
        topics = None if received.topics is None else tuple(map(neutralise, received.topics))
        known = replace(received, request=replace(received.request, prompt=prompt), topics=topics)
        wish = received.request.genre
        taxonomy = self.classifiers.registry.taxonomy(received.tenant)
        if wish is not None and "@" not in wish and wish not in taxonomy:
            message = f"Expected a genre of the taxonomy, got '{wish}'; `genre genres` lists them."
            return replace(known, failure=Failure(code="unknown_genre", message=message))
        return known

    def _read(
        self,
        known: ClassifiedRequest,
        layers: NDArray[np.float32] | Exception | None,
        gated: bool,
    ) -> ClassifiedRequest:
        """What gate and classifier say; the gate reads what the encoder keeps of the prompts."""
        if known.failure is not None:
            return known
        likely = self.languages.identify(known.request.prompt or "")
        if gated:
            known = self._gated(known, likely)
        if layers is None or not _is_open(known):
            return known
        return self._classified(known, layers, likely)

    def _gated(self, known: ClassifiedRequest, likely: Language) -> ClassifiedRequest:
        """What the safety gate says; of a suggestion nothing else is said."""
        request, topics = known.request, known.topics
        prompt, wish = request.prompt or "", request.genre
        verdict = self.gate.check_request(
            "\n".join((prompt, *(topics or ()))),
            tenant=known.tenant,
            language=request.language or (likely.code if likely.confidence >= _SURE else None),
            is_foreign=likely.code != ENGLISH,
        )
        known = replace(known, verdict=verdict)
        if topics is None or not verdict.allowed:
            return known
        certainty = 1.0 if request.language else 0.0
        known = replace(
            known, language=request.language, language_confidence=certainty, fallback="base"
        )
        taxonomy = self.classifiers.registry.taxonomy(known.tenant)
        return known if wish is None else _wished(known, wish.partition("@")[0], taxonomy)

    def _classified(
        self,
        known: ClassifiedRequest,
        layers: NDArray[np.float32] | Exception,
        likely: Language,
    ) -> ClassifiedRequest:
        """All that is said of a request by the encoder's layers and its words."""
        if isinstance(layers, Exception):
            raise layers
        request = known.request
        prompt, wish = request.prompt or "", request.genre
        certain = request.language or certain_language(prompt, likely)
        known = replace(
            known,
            embedding=quantise(layers[-1]),
            language=certain or likely.code,
            language_confidence=1.0 if certain else min(likely.confidence, _DOUBT),
        )
        if wish is not None:
            taxonomy = self.classifiers.registry.taxonomy(known.tenant)
            return _wished(known, wish.partition("@")[0], taxonomy)
        if not says_something(prompt):
            return replace(known, fallback="base")
        foreign = self._foreign(prompt) if likely.is_foreign else None
        found = self._corrected(known.tenant).predict_one(layers, prompt, foreign)
        genres = tuple(
            GenreProbability(genre=genre, probability=probability)
            for genre, probability in found.genres
        )
        return replace(known, genres=genres, family=found.family, fallback=found.fallback)

    def foreign(self, prompt: str) -> NDArray[np.float32] | None:
        """The multilingual embedding of a prompt that is not in English."""
        is_foreign = self.languages.identify(prompt).is_foreign
        return self._foreign(prompt) if is_foreign else None

    def _foreign(self, prompt: str) -> NDArray[np.float32] | None:
        if self.multilingual is None:
            return None
        try:
            return self.multilingual.encode([prompt])[0]
        except ModelError as error:
            log.warning("requests in other languages are not understood: %s", error)
            self.multilingual = None
            return None

    def _corrected(self, tenant: str | None) -> Classifier:
        """The classifier of the tenant's genres with its own corrections.

        It is renewed with every change to them and, as they fade, every hour.
        """
        plain, now = self.classifiers.of(tenant), datetime.now(UTC)
        hour = (now.toordinal(), now.hour)
        if self._hour != hour:
            self._hour, self._of_tenants = hour, {}
        known = self._of_tenants  # another thread may renew it
        change = self.corrections.changes.get(tenant)
        if change is None:
            known.pop(tenant, None)
            return plain  # nothing is kept of a tenant that has corrected nothing
        fitted, of, corrected = known.get(tenant, (None, 0, plain))
        if fitted is plain and of == change:
            return corrected
        corrected = plain.corrected(self.corrections.nudges(tenant, now))
        known[tenant] = (plain, change, corrected)
        return corrected


def load_judge(settings: Settings) -> Judge:
    """The judge with the real models; takes about two seconds.

    Raises ModelError when they are not prepared.
    """
    encoder = SentenceEncoder.load(settings.models / "encoder", threads=settings.model_threads)
    multilingual = MultilingualEncoder(settings.models / "multilingual", settings.model_threads)
    scores = load_score(settings.models, encoder, multilingual)
    judge = Judge(
        encoder=encoder,
        classifiers=load_classifiers(settings, encoder, Registry(), multilingual),
        languages=_warm(LanguageIdentifier()),
        gate=SafetyGate(scores, Policy.load(settings.policy_file)),
        writable=written_languages(settings),
        multilingual=multilingual,
    )
    give_back()  # 30 MB that were unpacked
    return judge


def _warm(languages: LanguageIdentifier) -> LanguageIdentifier:
    """Its model is read with the first text: not with the first client's."""
    languages.identify("warm up")
    return languages


def _guarded(
    judge: Callable[Concatenate[ClassifiedRequest, P], ClassifiedRequest],
    known: ClassifiedRequest,
    *given: P.args,
    **named: P.kwargs,
) -> ClassifiedRequest:
    """What `judge` makes of a request, or the request with what went wrong with it."""
    try:
        return judge(known, *given, **named)
    except Exception as error:
        return replace(known, failure=failure_of(error, CLASSIFY_FAILED, known.request_id))


def _is_open(known: ClassifiedRequest) -> bool:
    """Whether the prompt is still to be encoded: not of a suggestion, nor of what is refused."""
    return known.failure is None and known.verdict.allowed and known.topics is None


def _wished(known: ClassifiedRequest, genre: str, taxonomy: Taxonomy) -> ClassifiedRequest:
    certain = (GenreProbability(genre=genre, probability=1.0),)
    family = taxonomy.family_of(genre) if genre in taxonomy else None
    return replace(known, genres=certain, family=family)
