"""Models that are fitted on this machine once, from what comes with GENRE.

They lie in the models' folder, under names that change with all that they are learned from.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from genre_models import atomic
from schemas.errors import ModelError

log = logging.getLogger(__name__)

Model = TypeVar("Model")


def load_or_fit(
    file: Path, fit: Callable[[], bytes], read: Callable[[bytes], Model], *, takes: str
) -> Model:
    """What `read` makes of `file`; where that is missing or refused, it is fitted now and kept.

    Whoever else wants it meanwhile, also in other processes, waits for it. A line in the log says
    that it `takes` so long, and another where it cannot be kept. Raises what `fit` raises.
    """
    made: list[bytes] = []

    def make(partial: Path) -> None:
        made.append(fit())
        partial.write_bytes(made[0])

    found = _read(file, read)
    if found is not None:
        return found
    log.warning("fitting %s, once: it takes %s", file.name, takes)
    try:
        file.unlink(missing_ok=True)  # what was refused
        atomic.make_once(file, make)
    except OSError as error:
        log.warning("%s is not kept, every start fits it again: %s", file.name, error)
    if made:
        return read(made[0])
    return _read(file, read) or read(fit())  # somebody else's, or there is no place for one


def _read(file: Path, read: Callable[[bytes], Model]) -> Model | None:
    try:
        return read(file.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ModelError) as error:
        log.warning("%s cannot be used: %s", file.name, error)
        return None
