"""The name of an adapter: `genre@digest12`, never used for other bytes."""

from __future__ import annotations

import re
from dataclasses import dataclass

from schemas.errors import ModelError

POOLED = "pooled"
"""In place of a genre, of the adapter that was trained on equal shares of all: it writes those that
have none of their own."""
PATTERN = re.compile(r"([a-z0-9][a-z0-9_]{0,63})@([0-9a-f]{12})")


@dataclass(frozen=True, slots=True, order=True)
class AdapterName:
    """`genre` and the first 12 hex digits of the sha256 over its files.

    >>> AdapterName.parse("joke@0123456789ab").genre
    'joke'
    """

    genre: str
    digest: str

    @classmethod
    def parse(cls, text: str) -> AdapterName:
        """Raises ModelError `adapter_name` for other spellings, and for what looks like a path."""
        match = PATTERN.fullmatch(text)
        if not match:
            raise ModelError(
                "adapter_name",
                f"expected an adapter name like joke@0123456789ab, got {text[:100]!r}",
            )
        return cls(match[1], match[2])

    def __str__(self) -> str:
        return f"{self.genre}@{self.digest}"
