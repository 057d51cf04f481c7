"""Which languages a request may be in: those that the base model writes."""

from __future__ import annotations

from agents.base_model import base_folder
from genre_models.bases.card import said_languages
from genre_models.written_languages import languages_of
from schemas.errors import ModelError
from streams.settings import Settings


def written_languages(settings: Settings) -> frozenset[str] | None:
    """What the base model writes, by GENRE_LANGUAGES, else by its card; None: any language.

    Of a model that servers know by another name nothing is known.
    """
    if settings.languages:
        return languages_of(settings.languages)
    if settings.engine == "openai" and settings.server_model:
        return None
    try:
        return languages_of(said_languages(base_folder(settings)))
    except ModelError:
        return None
