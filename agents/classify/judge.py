"""What `classify` knows, in one thread: encoder, classifier, language identifier, safety gate."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from agents.classify.corrections import Corrections
from agents.failures import failure_of
from agents.genres.classifiers import Classifiers, load_classifiers
from agents.genres.registry import Registry
from genre_models.classification.classifier import Classifier
from genre_models.classification.languages import LanguageIdentifier
from genre_models.encoder import Encoder, SentenceEncoder, quantise
from genre_models.safety import Policy, SafetyGate, neutralise
from genre_models.sampling import in_numbers, resolved
from genre_models.taxonomy import Taxonomy
from schemas.classified import ClassifiedRequest
from schemas.parts import Failure, GenreProbability
from streams.settings import Settings

_TELLING = 4096  # characters of a prompt that tell its language
_SURE = 0.9  # confidence from which on a refusal is said in the prompt's language

CLASSIFY_FAILED = Failure(code="classify_failed", message="The request could not be classified.")


@dataclass(slots=True, kw_only=True)
class Judge:
    """Judges one request at a time in a thread of its own, so that the event loop stays free."""

    encoder: Encoder
    classifiers: Classifiers
    corrections: Corrections = field(default_factory=Corrections)
    languages: LanguageIdentifier
    gate: SafetyGate
    thread: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="judge")
    )
    _renewed: tuple[int, int, int] = (0, 0, 0)
    _of_tenants: dict[str | None, tuple[Classifier, Classifier]] = field(default_factory=dict)

    async def __call__(self, received: ClassifiedRequest) -> ClassifiedRequest:
        """The request with all that can be said about it, or with the `failure` to say it."""
        return await asyncio.get_running_loop().run_in_executor(self.thread, self._judge, received)

    def _judge(self, received: ClassifiedRequest) -> ClassifiedRequest:
        try:
            return self.judged(received)
        except Exception as error:
            failure = failure_of(error, CLASSIFY_FAILED, received.request_id)
            return replace(received, failure=failure)

    def judged(self, received: ClassifiedRequest) -> ClassifiedRequest:
        """Genres, language and verdict of one request; its prompt neutralised.

        Its length and sampling, for workers that know no genre's, are the most probable genre's.
        """
        known = self._known(received)
        genres = self.classifiers.registry.taxonomy(received.tenant).genres
        likeliest = genres.get(known.genres[0].genre) if known.genres else None
        if known.asked is None or likeliest is None:
            return known
        parameters = resolved(known.asked, likeliest.sampling)
        return replace(known, request=in_numbers(known.request, parameters))

    def _known(self, received: ClassifiedRequest) -> ClassifiedRequest:
        prompt = neutralise(received.request.prompt or "")
        topics = None if received.topics is None else tuple(map(neutralise, received.topics))
        request = replace(received.request, prompt=prompt)
        known = replace(received, request=request, topics=topics)
        wish = received.request.genre
        taxonomy = self.classifiers.registry.taxonomy(received.tenant)
        if wish is not None and "@" not in wish and wish not in taxonomy:
            message = f"Expected a genre of the taxonomy, got '{wish}'; `genre genres` lists them."
            return replace(known, failure=Failure(code="unknown_genre", message=message))
        known = replace(
            known,
            verdict=self.gate.check_request(
                "\n".join((prompt, *(topics or ()))),
                tenant=received.tenant,
                language=request.language or self._surely(prompt),
            ),
        )
        if not known.verdict.allowed:
            return known
        if topics is not None:
            known = replace(known, language=request.language, fallback="base")
            return known if wish is None else _wished(known, wish.partition("@")[0], taxonomy)
        embedding = self.encoder.encode([prompt])[0]
        language = self.languages.identify(prompt[:_TELLING])
        known = replace(
            known,
            embedding=quantise(embedding),
            language=received.request.language or language.code,
            language_confidence=1.0 if received.request.language else language.confidence,
        )
        if wish is not None:
            return _wished(known, wish.partition("@")[0], taxonomy)
        found = self._corrected(received.tenant).predict_one(embedding, prompt)
        genres = tuple(
            GenreProbability(genre=genre, probability=probability)
            for genre, probability in found.genres
        )
        return replace(known, genres=genres, family=found.family, fallback=found.fallback)

    def _surely(self, prompt: str) -> str | None:
        """The language of a prompt, where it is not in doubt."""
        language = self.languages.identify(prompt[:_TELLING])
        return language.code if language.confidence >= _SURE else None

    def _corrected(self, tenant: str | None) -> Classifier:
        """The classifier of the tenant's genres with its own corrections.

        It is renewed with every change and, as corrections fade, every hour.
        """
        plain = self.classifiers.of(tenant)
        now = datetime.now(UTC)
        renewed = (self.corrections.version, now.toordinal(), now.hour)
        if self._renewed != renewed:
            self._renewed, self._of_tenants = renewed, {}
        if tenant not in self._of_tenants or self._of_tenants[tenant][0] is not plain:
            nudges = self.corrections.nudges(tenant, now)
            if not nudges:
                return plain  # nothing is kept of a tenant that has corrected nothing
            self._of_tenants[tenant] = (plain, plain.corrected(nudges))
        return self._of_tenants[tenant][1]


def load_judge(settings: Settings) -> Judge:
    """The judge with the real models; takes about two seconds.

    Raises ModelError when they are not prepared.
    """
    encoder = SentenceEncoder.load(settings.models / "encoder", threads=settings.model_threads)
    return Judge(
        encoder=encoder,
        classifiers=load_classifiers(settings, encoder, Registry()),
        languages=_warm(LanguageIdentifier()),
        gate=SafetyGate(encoder, Policy.load(settings.policy_file)),
    )


def _warm(languages: LanguageIdentifier) -> LanguageIdentifier:
    """Its model is read with the first text: not with the first client's."""
    languages.identify("warm up")
    return languages


def _wished(known: ClassifiedRequest, genre: str, taxonomy: Taxonomy) -> ClassifiedRequest:
    certain = (GenreProbability(genre=genre, probability=1.0),)
    family = taxonomy.family_of(genre) if genre in taxonomy else None
    return replace(known, genres=certain, family=family)
