"""What is known of a prepared base model, to be told before anybody waits for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from genre_models.bases.architectures import supports
from genre_models.bases.card import about
from genre_models.bases.checks import check_config, check_weights, weight_files

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
        config, said = check_config(folder), about(folder)
        return cls(
            architecture=config.architectures[0],
            parameters=check_weights(weight_files(folder)),
            context=config.max_position_embeddings,
            licence=said.get("licence") or "not stated",
            languages=said.get("languages") or "not stated",
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
