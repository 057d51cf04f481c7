"""A LoRA adapter from a corpus: requests from its texts, top half of the layers, early stopping.

`train` and `Trained` are looked up late: they need torch, and the worker that only keeps texts and
orders does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from genre_models.training.recipe import Recipe

if TYPE_CHECKING:
    from genre_models.training.trainer import Trained, train

__all__ = ["Recipe", "Trained", "train"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from genre_models.training import trainer

    return getattr(trainer, name)
