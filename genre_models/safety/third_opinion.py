"""A third opinion on harm in English, where the threshold is near: that of the encoder which was
tuned for other languages.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Annotated

import msgspec
import numpy as np

from genre_models.safety.learned import DOUBT, Floats, Learned, Opinion, log_odds, unreadable

# Log-odds on either side of the threshold: .07 of ordinary requests lie there. Of the harm of three
# authors set aside .85 is declined at .03 of their look-alikes, within 2 .84; within 4 .86, but .30
# of ordinary requests would be asked about.
NEAR = 3.0
# As much as the multilingual encoder reads; what is scored before it may be longer.
_PART = re.compile(r"(?s).{1,400}(?=\s|\Z)|.{1,400}")


class ThirdOpinion(msgspec.Struct, frozen=True, kw_only=True):
    """The threshold that a regression has beside its second and this opinion, a probability."""

    threshold: Annotated[float, msgspec.Meta(ge=0, le=1)]

    @classmethod
    def from_bytes(cls, data: bytes) -> ThirdOpinion:
        """What `to_bytes` wrote. Raises ModelError `safety_unreadable`."""
        try:
            return msgspec.json.decode(data, type=cls)
        except msgspec.DecodeError as error:
            raise unreadable(error) from error

    def to_bytes(self) -> bytes:
        """As JSON."""
        return msgspec.json.encode(self)

    def after(self, learned: Learned) -> Learned:
        """The regression with the threshold of requests that it has beside all opinions."""
        return replace(learned, threshold=self.threshold)


def near(learned: Learned, ask: Callable[[Sequence[str]], Floats]) -> Opinion:
    """The opinion that `ask` has of the worst part of a text, about what is in doubt and near the
    threshold that the regression has without it.
    """

    def worst(texts: Sequence[str]) -> Floats:
        parts = [_PART.findall(text) or [text] for text in texts]
        starts = np.cumsum([0, *map(len, parts[:-1])])
        told: Floats = np.maximum.reduceat(ask([each for own in parts for each in own]), starts)
        return told

    threshold = log_odds(learned.threshold)
    return Opinion(odds=worst, least=max(DOUBT, threshold - NEAR), most=threshold + NEAR)
