"""This worker's classifiers, one a set of genres: fitted beside the work when genres come or go."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from agents.genres.registry import Registry
from genre_models import atomic
from genre_models.classification.classifier import Classifier, digest_of
from genre_models.encoder import LayeredEncoder
from genre_models.fitted import load_or_fit
from genre_models.multilingual import Multilingual
from genre_models.taxonomy import Taxonomy
from schemas.adapters import AdapterEvent
from streams.settings import Settings

log = logging.getLogger(__name__)

Fit = Callable[[Taxonomy, Classifier], Classifier]


class Classifiers:
    """Classifiers by tenant; until a new one is fitted, the tenant's last one answers.

    `first` is the classifier of the genres that come with GENRE; `fit` makes one for others from
    the tenant's last one, in less than a second a genre that is new to it.
    """

    def __init__(self, registry: Registry, first: Classifier, fit: Fit) -> None:
        self.registry = registry
        self._first = first
        self._fit = fit
        self._fitted: dict[Taxonomy, Classifier] = {registry.taxonomy(): first}
        self._latest: dict[str | None, Classifier] = {}
        self._asked: set[str | None] = set()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="fit")

    def apply(self, key: str, event: AdapterEvent | None) -> None:
        """Take a record of the registry and learn what is new: the follower's callback."""
        self.registry.apply(key, event)
        self.of(event.tenant if event else None)

    def of(self, tenant: str | None) -> Classifier:
        """The newest classifier for a tenant's genres; never waits."""
        tenant = self.registry.home(tenant)
        fitted = self._fitted.get(self.registry.taxonomy(tenant))
        if fitted is not None:
            self._latest[tenant] = fitted
            return fitted
        if tenant not in self._asked:
            self._asked.add(tenant)
            self._thread.submit(self._renew, tenant)
        return self._last(tenant)

    def _last(self, tenant: str | None) -> Classifier:
        return self._latest.get(tenant) or self._latest.get(None, self._first)

    def settle(self) -> None:
        """Wait until everything that was asked for is fitted."""
        self._thread.submit(lambda: None).result()

    def _renew(self, tenant: str | None) -> None:
        self._asked.discard(tenant)
        taxonomy = self.registry.taxonomy(tenant)
        if taxonomy in self._fitted:
            return
        try:
            fitted = self._fit(taxonomy, self._last(tenant))
        except Exception:
            log.exception("the classifier cannot learn the genres %s", sorted(taxonomy.genres))
            fitted = self._last(tenant)
        stale = self._latest.get(tenant)
        used = {id(each) for key, each in self._latest.items() if key != tenant} | {id(self._first)}
        kept = {
            key: each for key, each in self._fitted.items() if each is not stale or id(each) in used
        }
        self._fitted = kept | {taxonomy: fitted}
        self._latest[tenant] = fitted


def load_classifiers(
    settings: Settings,
    encoder: LayeredEncoder,
    registry: Registry,
    multilingual: Multilingual,
) -> Classifiers:
    """The classifiers for the genres of a registry, beginning with those that come with GENRE."""

    def fit(taxonomy: Taxonomy, known: Classifier | None = None) -> Classifier:
        return load_classifier(settings, taxonomy, encoder, known, multilingual)

    return Classifiers(registry, fit(registry.taxonomy()), fit)


def load_classifier(
    settings: Settings,
    taxonomy: Taxonomy,
    encoder: LayeredEncoder,
    known: Classifier | None = None,
    multilingual: Multilingual | None = None,
) -> Classifier:
    """The taxonomy's classifier from the models' folder; else fitted now, and kept there.

    Of genres beside those that `known` has learned it takes some seconds.
    """
    if known is not None and known.is_of(taxonomy):
        return known
    file = classifier_file(settings, taxonomy)
    kept = load_or_fit(
        file,
        lambda: Classifier.fit(taxonomy, encoder, known, multilingual).to_bytes(),
        lambda data: Classifier.from_bytes(data, taxonomy),
        takes="some minutes (`genre prepare` does it ahead)" if known is None else "seconds",
    )
    if multilingual is None or kept.knows_languages:
        return kept
    # It was fitted without the multilingual encoder; there may be one now.
    whole = Classifier.fit(taxonomy, encoder, kept, multilingual)
    if whole.knows_languages:
        try:
            atomic.write(file, whole.to_bytes())
        except OSError as error:
            log.warning("%s is not kept with other languages: %s", file.name, error)
    return whole


def classifier_file(settings: Settings, taxonomy: Taxonomy) -> Path:
    """Where the taxonomy's classifier lies once it is fitted."""
    return settings.models / f"head-{digest_of(taxonomy)[:16]}.npz"
