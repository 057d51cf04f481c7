"""A third opinion on harm in English, where the threshold is near: that of the encoder which was
tuned for other languages.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import msgspec

from genre_models.safety.learned import Learned, Opinion, log_odds, unreadable

# Log-odds on either side of the threshold: so near are few of the ordinary requests, and whoever
# asks the encoder pays for twelve layers.
NEAR = 3.0


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


def near(learned: Learned, opinion: Opinion) -> Opinion:
    """The opinion, asked near the threshold that the regression has without it."""
    threshold = log_odds(learned.threshold)
    return replace(opinion, least=threshold - NEAR, most=threshold + NEAR)
