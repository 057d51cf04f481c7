"""Which genres have no adapter for the base model here, and how long making them takes."""

from __future__ import annotations

import json
from types import SimpleNamespace

from agents.base_model import base_folder
from genre_models.adapters import AdapterStore, BaseSpec
from genre_models.adapters.sites import LINEARS
from genre_models.bases.architectures import supports
from genre_models.devices import has_bf16
from genre_models.taxonomy import Taxonomy
from streams.settings import Settings

# Of a genre's training, on one core with bf16, for each million parameters in the linears of all
# layers: the packaged model has 106 of them, and all its starters take 55 minutes on two cores.
CORE_SECONDS = 1.3
WITHOUT_BF16 = 2.0  # times as long
POOLED = 10  # times the texts of a genre


def missing(store: AdapterStore, settings: Settings) -> str | None:
    """One line, where genres have no adapter in this machine's store; None where all have."""
    without = Taxonomy.load().genres.keys() - {name.genre for name in store.names()}
    if not without:
        return None
    told = f"{len(without)} genres have no adapter for this base model"
    config = json.loads((base_folder(settings) / "config.json").read_bytes())
    if not supports(SimpleNamespace(**config)):
        return f"{told}, and none can be trained for it"
    minutes = seconds(store.base, len(without), settings.model_threads) / 60
    return f"{told}: `genre starters train` makes them, in about {_said(minutes)} on this processor"


def seconds(spec: BaseSpec, genres: int, cores: int) -> float:
    """How long the starters of so many genres and the pooled one take, roughly."""
    linears = spec.layers * sum(inputs * outputs for inputs, outputs in map(spec.features, LINEARS))
    slower = 1.0 if has_bf16("cpu") else WITHOUT_BF16
    return CORE_SECONDS * slower * (genres + POOLED) * linears / 1e6 / cores


def _said(minutes: float) -> str:
    return f"{max(1, round(minutes))} minutes" if minutes < 120 else f"{round(minutes / 60)} hours"
