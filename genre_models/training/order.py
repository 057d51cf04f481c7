"""What is to be trained, from which texts, and what is told of it on the way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from genre_models.training.recipe import Recipe
from schemas.errors import GenreError, disk_is_full
from schemas.progress import Progress, State

Told = Callable[[Progress], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One training, with paths as strings, so that it can be written down.

    What is empty is made from the name. `texts` is a file as TextStore keeps it, `models` holds
    the encoder, `base` is the prepared base model (empty: the packaged one in `models`), `store`
    the adapters, `device` where to train, as `device_of` takes it; reports lie in `store/reports`.
    """

    job: str
    genre: str
    texts: str
    models: str
    store: str
    base: str = ""
    family: str = ""
    tenant: str | None = None
    description: str = ""
    instruction: str = ""
    requests: tuple[str, ...] = ()
    licence: str = "not stated"
    threads: int = 2
    device: str = "cpu"
    recipe: Recipe = field(default_factory=Recipe)

    @property
    def base_folder(self) -> Path:
        """The prepared base model; orders of earlier releases name none."""
        return Path(self.base or Path(self.models) / "base")

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
    return "disk_full" if disk_is_full(error) else otherwise
