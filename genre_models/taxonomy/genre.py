"""One genre: what it is called, how a model is told to write it, and how people ask for it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from genre_models.endings import ANY, Ending
from genre_models.sampling import USUAL
from genre_models.taxonomy.codes import SALT
from schemas.errors import Rejected
from schemas.parts import SamplingParameters

_ID = re.compile(r"[a-z0-9][a-z0-9_]{0,63}")
# where the id is not one already
_NOUNS = {"poetry": "poem", "scripture": "Bible passage", "legal": "legal clause"}


@dataclass(frozen=True, slots=True)
class Genre:
    """A fine-grained class of text.

    `instruction` is the system message with which the base model writes the genre; `requests` are
    examples of how people ask for it (ten are enough to classify by, more are better), `texts` of
    what they get. `sampling` is how long its texts are and how they are drawn, where it is not as
    in `USUAL`; `ending` is where they may end. The genre's code is made with `salt` (0 or more),
    which never changes (`codes`).
    Raises Rejected `genre_invalid`.
    """

    id: str
    family: str
    description: str
    instruction: str
    requests: tuple[str, ...]
    texts: tuple[str, ...] = ()
    sampling: SamplingParameters = USUAL
    ending: Ending = ANY
    salt: int = SALT

    def __post_init__(self) -> None:
        for name, value in (("genre", self.id), ("family", self.family)):
            if not _ID.fullmatch(value):
                raise invalid(
                    f"expected a {name} id like 'short_story' "
                    f"([a-z0-9_], at most 64), got {value!r}"
                )
        for name, line in (("description", self.description), ("instruction", self.instruction)):
            if not line.strip():
                raise invalid(f"expected genre '{self.id}' to have a {name}, got an empty one")
        if len(set(self.requests)) < len(self.requests) or not all(
            text.strip() for text in self.requests
        ):
            raise invalid(
                f"expected the requests of genre '{self.id}' to differ and not to be blank"
            )
        usual, most = self.sampling.usual_tokens, self.sampling.max_tokens
        if usual is not None and most is not None and usual > most:
            raise invalid(
                f"expected texts of genre '{self.id}' to have at most {most} tokens, "
                f"got {usual} usual ones"
            )
        if type(self.salt) is not int or self.salt < 0:
            raise invalid(
                f"expected the salt of genre '{self.id}' to be a number from 0 on, "
                f"got {self.salt!r}"
            )


def noun_of(genre: str) -> str:
    """What people call one text of a genre.

    >>> noun_of("poetry"), noun_of("short_story")
    ('poem', 'short story')
    """
    return _NOUNS.get(genre, genre.replace("_", " "))


def invalid(message: str) -> Rejected:
    """The error for a genre or a taxonomy that contradicts itself."""
    return Rejected("genre_invalid", message)
