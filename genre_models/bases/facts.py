"""What is known of a prepared base model, to be told before anybody waits for it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genre_models.bases.architectures import supports
from genre_models.bases.checks import check_config, check_weights, weight_files

ABOUT = "about.json"
"""In a prepared folder: where it came from, its licence and languages; the packaged has none."""

PACKAGED = {"licence": "Apache-2.0", "languages": "en"}
"""SmolLM2's, in the folder `base`."""

EXACT, FAST = 4.0, 1.25
"""Bytes of memory a parameter takes: fp32; a byte and its share of a group's two scales."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """`context` is in tokens; `kernel`: the engine's own decoder computes it, and has fast mode."""

    architecture: str
    parameters: int
    context: int
    licence: str
    languages: str
    kernel: bool

    @classmethod
    def of(cls, folder: Path) -> Facts:
        """From a prepared folder, without its weights. Raises ModelError as the checks do."""
        config, about = check_config(folder), _about(folder)
        return cls(
            architecture=config.architectures[0],
            parameters=check_weights(weight_files(folder)),
            context=config.max_position_embeddings,
            licence=about.get("licence") or "not stated",
            languages=about.get("languages") or "not stated",
            kernel=supports(config),
        )

    def memory(self, *, fast: bool) -> int:
        """Bytes that the weights take in memory; only the engine's own decoder has a fast mode."""
        return round(self.parameters * (FAST if fast and self.kernel else EXACT))

    def lines(self) -> Iterator[str]:
        """As `genre prepare` tells them."""
        exact, fast = (f"{self.memory(fast=fast) / 1e9:.2f} GB" for fast in (False, True))
        yield (
            f"{self.architecture}, {self.parameters / 1e6:,.0f} million parameters, "
            f"{self.context} tokens; licence: {self.licence}; languages: {self.languages}"
        )
        if self.kernel:
            yield f"the native kernel computes it, in {exact} (exact) or about {fast} (fast)"
        else:
            yield f"transformers computes it, in {exact}: exact only, without training"


def said_languages(folder: Path) -> str:
    """What the card of a base says of its languages; nothing where it does not, or is not there."""
    return _about(folder).get("languages") or ""


def read_about(folder: Path) -> dict[str, str]:
    """Licence and languages as a model's card (README.md) says them; nothing where it does not."""
    from huggingface_hub.repocard import metadata_load

    try:
        said: dict[str, Any] = metadata_load(folder / "README.md") or {}
    except Exception:  # no card, or one that is no YAML: anybody writes them
        return {}
    names = said.get("license_name") if said.get("license") == "other" else said.get("license")
    return {"licence": _words(names), "languages": _words(said.get("language"))}


def _about(folder: Path) -> dict[str, str]:
    try:
        return dict(json.loads((folder / ABOUT).read_bytes()))
    except OSError:
        return PACKAGED if folder.name == "base" else {}


def _words(said: object) -> str:
    words = said if isinstance(said, list) else [] if said is None else [said]
    return ", ".join(str(word)[:100] for word in words[:200])
