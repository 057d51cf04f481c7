"""`genre.adapters`: the registry. The newest record of a name says whether that adapter may be used."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from msgspec import Meta

from schemas.fields import AdapterName, Genre, Line, Moment, Prompt, Word

Digest = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$(?!\n)", description="sha256, hex.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """Where an adapter comes from."""

    parent: AdapterName | None = None
    data_digest: Annotated[str, Meta(max_length=128, description="Of the training texts.")] = ""
    recipe: Annotated[str, Meta(max_length=2000, description="How it was trained, in words.")] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterEvent:
    """An adapter was `published` (with all that is needed to find and check it) or `withdrawn`."""

    kind: Literal["published", "withdrawn"]
    name: AdapterName
    genre: Genre
    family: Word
    digest: Digest
    base_fingerprint: Digest
    location: (
        Annotated[str, Meta(max_length=1024, description="fsspec URL of the store; absent: the worker's own store.")]
        | None
    ) = None
    lineage: Lineage = Lineage()
    metrics: Annotated[dict[Word, float], Meta(max_length=64, description="Measured before publication, by name.")] = (
        field(default_factory=dict)
    )
    description: Line = ""
    requests: Annotated[tuple[Prompt, ...], Meta(max_length=256, description="Example requests.")] = ()
    licence: Line = ""
    reason: Annotated[Line | None, Meta(description="`withdrawn`: why.")] = None
    time: Moment
