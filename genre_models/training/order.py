"""What is to be trained, from which texts, and what is told of it on the way."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from errno import EDQUOT, ENOSPC

from genre_models.training.recipe import Recipe
from schemas.errors import GenreError, chain
from schemas.progress import Progress, State

Told = Callable[[Progress], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One training, with paths as strings, so that it can be written down.

    What is empty is made from the name. `texts` is a file as TextStore keeps it, `models` holds
    base and encoder, `store` the adapters, and reports lie in `store/reports`.
    """

    job: str
    genre: str
    texts: str
    models: str
    store: str
    family: str = ""
    tenant: str | None = None
    description: str = ""
    instruction: str = ""
    requests: tuple[str, ...] = ()
    licence: str = "not stated"
    threads: int = 2
    recipe: Recipe = field(default_factory=Recipe)

    def progress(self, state: State, **known: object) -> Progress:
        """What is told: `known` are further fields of Progress."""
        own = {"genre": self.genre, "tenant": self.tenant, "job": self.job}
        fields = {"step": 0, "steps": 0, **own, **known}
        return Progress(kind="training", state=state, **fields)  # type: ignore[arg-type]


def failure_code(error: Exception, otherwise: str = "training_failed") -> str:
    """The code under which an error is told.

    `disk_full` also where a library hides the system's error behind one of its own.
    """
    if isinstance(error, GenreError):
        return error.code
    return "disk_full" if any(map(_says_full, chain(error))) else otherwise


def _says_full(error: BaseException) -> bool:
    numbers = (ENOSPC, EDQUOT)
    if isinstance(error, OSError) and error.errno in numbers:
        return True
    return any(os.strerror(number) in str(error) for number in numbers)
