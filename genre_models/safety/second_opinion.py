"""A second opinion on harm: that of an encoder whose upper layers were tuned to tell it."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from genre_models.arrays import unpacked
from genre_models.encoder import DIMENSION, TunableEncoder
from genre_models.safety.learned import Learned, Opinion, unreadable
from genre_models.tuned import Tuned

_TUNED = "tuned/"  # before the names of weights in the file


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SecondOpinion:
    """What was tuned. Its log-odds are added to those of a regression where these leave doubt.

    The thresholds are probabilities that hold for the sum; without texts to set it on, that of
    texts is more than any.
    """

    tuned: Tuned
    threshold: float
    text_threshold: float = math.inf

    @classmethod
    def from_bytes(cls, data: bytes) -> SecondOpinion:
        """What `to_bytes` wrote. Raises ModelError `safety_unreadable`."""
        try:
            held = unpacked(data)
            head = held["head"].astype(np.float32)
            if head.shape != (DIMENSION + 1,):
                raise ValueError(f"expected a head of {DIMENSION + 1} numbers, got {head.shape}")
            weights = {
                name.removeprefix(_TUNED): held[name].astype(np.float32)
                for name in held
                if name.startswith(_TUNED)
            }
            threshold, text_threshold = float(held["threshold"]), float(held["text_threshold"])
            if not all(np.isfinite(each).all() for each in (head, *weights.values())):
                raise ValueError("expected finite numbers")
            if not 0 <= threshold <= 1 or not text_threshold >= 0:
                raise ValueError(f"expected thresholds, got {threshold} and {text_threshold}")
            return cls(
                tuned=Tuned(weights=weights, head=head[:-1, None], bias=head[-1:]),
                threshold=threshold,
                text_threshold=text_threshold,
            )
        except (KeyError, ValueError, TypeError) as error:
            raise unreadable(error) from error

    def to_bytes(self) -> bytes:
        """As npz, weights in half of the precision."""
        weights: dict[str, Any] = {
            f"{_TUNED}{name}": each.astype(np.float16) for name, each in self.tuned.weights.items()
        }
        target = io.BytesIO()
        np.savez_compressed(
            target,
            head=np.append(self.tuned.head, self.tuned.bias),
            threshold=self.threshold,
            text_threshold=self.text_threshold,
            **weights,
        )
        return target.getvalue()

    def by(self, encoder: TunableEncoder) -> Opinion:
        """The opinion, told by a copy of the encoder. Raises ModelError `safety_unreadable` where
        something else was tuned.
        """
        try:
            other = encoder.with_weights(self.tuned.weights)
        except ValueError as error:
            raise unreadable(error) from error
        head = replace(self.tuned, weights={})  # the encoder has these, in its own precision
        return Opinion(odds=lambda texts: head.scores(other.encode(texts))[:, 0])

    def after(self, learned: Learned) -> Learned:
        """The regression with the thresholds that it has beside this opinion."""
        return replace(learned, threshold=self.threshold, text_threshold=self.text_threshold)
