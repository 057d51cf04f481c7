"""The one base model that everything here uses: the one that `GENRE_BASE` names."""

from __future__ import annotations

from pathlib import Path

from genre_models.adapters import AdapterStore, BaseSpec
from genre_models.weights import base_folder as folder_of
from streams.settings import Settings


def base_folder(settings: Settings) -> Path:
    """Where it lies prepared, or will once `genre prepare` has run.

    Raises ModelError `base_unavailable` for a setting that names none.
    """
    return folder_of(settings.base, settings.models)


def own_store(settings: Settings) -> AdapterStore:
    """The adapters on this machine. Raises as `base_folder`, and where it is not prepared."""
    return AdapterStore(settings.adapters, BaseSpec.load(base_folder(settings)))


def served_name(settings: Settings) -> str:
    """The base model's name on servers elsewhere, unless `GENRE_SERVER_MODEL` says another.

    Servers know a model of the hub by its name without the revision, and a folder by its path.
    """
    return settings.server_model or settings.base.partition("@")[0]
