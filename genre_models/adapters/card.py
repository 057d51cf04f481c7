"""`genre.json`: what an adapter is for, what it was made from, and how good it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any

import msgspec

from schemas.errors import ModelError
from schemas.parts import SamplingParameters

GenreId = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9_]{0,63}$")]
Sha256 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """Where the weights come from: parent adapter, digest of the training texts, and recipe."""

    data: Sha256
    recipe: dict[str, Any] = field(default_factory=dict)
    parent: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What a classifier and a prompt need to know of a genre that did not come with GENRE.

    No text is a user's.
    """

    description: str
    instruction: str
    requests: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    sampling: SamplingParameters | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterCard:
    """The contents of `genre.json`.

    `base` is the fingerprint of the model that the adapter was trained on, `tenant` whose requests
    may use it (None: everybody's), `command` what makes it again, where one command does.
    """

    genre: GenreId
    family: GenreId
    base: Sha256
    lineage: Lineage
    metrics: dict[str, float]
    licence: str
    tenant: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9-]{1,63}$")] | None = None
    about: About | None = None
    command: str | None = None


def read_card(data: bytes) -> AdapterCard:
    """Raises ModelError `adapter_config`."""
    try:
        return msgspec.json.decode(data, type=AdapterCard)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ModelError(
            "adapter_config", f"expected genre.json as AdapterCard describes it, got: {error}"
        ) from error
