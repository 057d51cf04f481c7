"""`genre.adapters`, the registry: a name's newest record says whether its adapter may be used."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from msgspec import Meta

from schemas.fields import AdapterName, Count, Genre, Line, Moment, Prompt, Salt, Tenant, Word
from schemas.parts import SamplingParameters

Digest = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$(?!\n)", description="sha256, hex.")]
Sample = Annotated[str, Meta(min_length=1, max_length=4000, description="One example text.")]


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
        Annotated[
            str,
            Meta(
                max_length=1024,
                description="fsspec URL of the store; absent: the worker's own store.",
            ),
        ]
        | None
    ) = None
    lineage: Lineage = Lineage()
    metrics: Annotated[
        dict[Word, float], Meta(max_length=64, description="Measured before publication, by name.")
    ] = field(default_factory=dict)
    tenant: Annotated[
        Tenant | None, Meta(description="Whose requests may use it; absent: everybody's.")
    ] = None
    description: Line = ""
    instruction: Annotated[
        Line, Meta(description="How a model is told to write the genre; training used it.")
    ] = ""
    requests: Annotated[
        tuple[Prompt, ...], Meta(max_length=256, description="Example requests.")
    ] = ()
    texts: Annotated[
        tuple[Sample, ...], Meta(max_length=64, description="Example texts; none of a user's.")
    ] = ()
    salt: Annotated[
        Salt | None,
        Meta(
            description="Given when the genre first appears, the same in all its events; "
            "absent: 4027."
        ),
    ] = None
    sampling: Annotated[
        SamplingParameters | None, Meta(description="Length and sampling of the genre's texts.")
    ] = None
    licence: Line = ""
    erased: Annotated[
        Count,
        Meta(
            description="Users who were erased or withdrew consent since, and whose texts it, or "
            "one that it went on from, was trained on."
        ),
    ] = 0
    reason: Annotated[Line | None, Meta(description="`withdrawn`: why.")] = None
    time: Moment
