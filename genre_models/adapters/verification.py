"""Nothing of an adapter folder is used before all of it is checked, and nothing ever executed.

The three files are read once and everything after works on those bytes: what was checked is what
is loaded. Refusals are ModelErrors with the codes `adapter_missing`, `adapter_has_link`,
`adapter_not_safetensors`, `adapter_files`, `adapter_too_big`, `adapter_header`,
`adapter_config`, `adapter_rank`, `adapter_wrong_base`, `adapter_wrong_shape`,
`adapter_not_finite`, `adapter_norm` and `adapter_digest`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from genre_models.adapters.card import AdapterCard, read_card
from genre_models.adapters.config import read_config, scaling_of, targets
from genre_models.adapters.files import CARD, CONFIG, TENSORS, digest_of, read_files
from genre_models.adapters.name import AdapterName
from genre_models.adapters.sites import BaseSpec
from genre_models.adapters.tensors import Array, read_tensors
from schemas.errors import ModelError


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """A verified adapter.

    `tensors` maps a module path to (A [rank, inputs], B [outputs, rank]), unscaled.
    """

    name: AdapterName
    digest: str
    card: AdapterCard
    rank: int
    scaling: float
    tensors: Mapping[str, tuple[Array, Array]]


def read_adapter(folder: Path, base: BaseSpec, expected: str | None = None) -> Adapter:
    """Read and check an adapter folder; `expected` is a digest, or its first 12 digits.

    Raises ModelError.
    """
    return check_adapter(read_files(folder), base, expected)


def check_adapter(
    files: Mapping[str, bytes], base: BaseSpec, expected: str | None = None
) -> Adapter:
    """The checks of `read_adapter`, on the contents of the three files."""
    digest = digest_of(files)
    if expected and not digest.startswith(expected):
        raise ModelError(
            "adapter_digest", f"expected adapter files with digest {expected}, got {digest[:12]}"
        )
    card, config = read_card(files[CARD]), read_config(files[CONFIG])
    if card.base != base.fingerprint:
        raise ModelError(
            "adapter_wrong_base",
            f"expected an adapter for base {base.fingerprint[:12]}, got one for {card.base[:12]}: "
            f"train it again with `{card.command or f'genre train {card.genre}'}`",
        )
    rank = config["r"]
    return Adapter(
        name=AdapterName.parse(f"{card.genre}@{digest[:12]}"),
        digest=digest,
        card=card,
        rank=rank,
        scaling=scaling_of(config),
        tensors=read_tensors(files[TENSORS], base.sites(*targets(config, base)), rank),
    )
