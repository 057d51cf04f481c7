"""What the card of a base model says of it, kept beside the prepared model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

ABOUT = "about.json"
"""In a prepared folder: where it came from, its licence and languages; the packaged has none."""

PACKAGED = {"licence": "Apache-2.0", "languages": "en"}
"""SmolLM2's, in the folder `base`."""


def said_languages(folder: Path) -> str:
    """What the card of a base says of its languages; nothing where it does not, or is not there."""
    return about(folder).get("languages") or ""


def read_about(folder: Path) -> dict[str, str]:
    """Licence and languages as a model's card (README.md) says them; nothing where it does not."""
    from huggingface_hub.repocard import metadata_load

    try:
        said: dict[str, Any] = metadata_load(folder / "README.md") or {}
    except Exception:  # no card, or one that is no YAML: anybody writes them
        return {}
    names = said.get("license_name") if said.get("license") == "other" else said.get("license")
    return {"licence": _words(names), "languages": _words(said.get("language"))}


def about(folder: Path) -> dict[str, str]:
    """What is known of a prepared folder: its origin, licence and languages."""
    try:
        return dict(json.loads((folder / ABOUT).read_bytes()))
    except OSError:
        return PACKAGED if folder.name == "base" else {}


def _words(said: object) -> str:
    words = said if isinstance(said, list) else [] if said is None else [said]
    return ", ".join(str(word)[:100] for word in words[:200])
