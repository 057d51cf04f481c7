"""A LoRA adapter from a corpus: requests written from the texts, the top half of the layers, early stopping."""

from __future__ import annotations

from genre_models.training.recipe import Recipe
from genre_models.training.trainer import Trained, train

__all__ = ["Recipe", "Trained", "train"]
