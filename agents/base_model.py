"""The one base model that everything here uses: the one that `GENRE_BASE` names."""

from __future__ import annotations

import logging
from pathlib import Path

from genre_models.adapters import AdapterStore, BaseSpec, add_starters
from genre_models.bases import Source
from schemas.errors import ModelError
from streams.settings import Settings

log = logging.getLogger(__name__)


def base_folder(settings: Settings) -> Path:
    """Where it lies prepared, or will once `genre prepare` has run.

    Raises ModelError `base_unavailable` for a setting that names none.
    """
    return Source.parse(settings.base, settings.models).folder(settings.models)


def own_store(settings: Settings) -> AdapterStore:
    """The adapters on this machine. Raises as `base_folder`, and where it is not prepared."""
    return AdapterStore(settings.adapters, BaseSpec.load(base_folder(settings)))


def stocked_store(settings: Settings) -> AdapterStore:
    """The same, and the adapters that come with GENRE are in it. Raises as `own_store`."""
    store = own_store(settings)
    add_starters(store)
    return store


def known_base(settings: Settings) -> str | None:
    """Its fingerprint, for a role that does without the model; None where it is not prepared here.

    The log then says what follows.
    """
    try:
        return BaseSpec.load(base_folder(settings)).fingerprint
    except ModelError as error:
        log.warning(
            "adapters of every base model are planned, and no text is written with those of "
            "another than `generate` has: %s",
            error,
        )
        return None


def served_name(settings: Settings) -> str:
    """The base model's name on servers elsewhere, unless `GENRE_SERVER_MODEL` says another.

    Servers know a model of the hub by its name without the revision, and a folder by its path.
    """
    return settings.server_model or settings.base.partition("@")[0]
