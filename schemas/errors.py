"""Every error that GENRE raises on purpose.

GenreError        has `code`, a snake_case word that travels in dead letters and answers
├── InvalidEvent  what arrived cannot be read or breaks its schema: dead letter, never retried
├── Rejected      what arrived is well-formed but cannot be done: dead letter or terminal answer
├── ModelError    a model, an adapter or its files are missing, broken or refused
└── NotReady      a broker, topic or setting is not as it must be: the process ends with one line
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from errno import EDQUOT, ENOSPC
from pathlib import Path
from traceback import walk_tb

_FULL = (ENOSPC, EDQUOT)
_ROOT = Path(__file__).parents[1]
_PACKAGES = ("schemas", "genre_models", "streams", "agents")


class GenreError(Exception):
    """Base of all errors: `code` is a stable snake_case word, the message says what to do."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class InvalidEvent(GenreError):
    """The bytes are no valid event: what was expected, at which path, and what was got."""


class Rejected(GenreError):
    """A valid event that cannot be acted on (unknown genre, unknown request, queue full, ...)."""


class ModelError(GenreError):
    """A model or an adapter is missing, corrupt, or not safe to load."""


class NotReady(GenreError):
    """The surroundings are not as they must be; the message names the one thing to do."""


def discreet(error: BaseException) -> str:
    """What may be told of an error anywhere: its kind, and where in our code it came from.

    A message of another library may quote a user's text; GENRE's own do not, nor does the
    system's.

    >>> discreet(Rejected("unknown_genre", "Expected a genre."))
    'Expected a genre.'
    >>> discreet(ValueError("could not parse: my secret"))
    'ValueError'
    """
    if isinstance(error, GenreError):
        return error.message
    reason = f" ({os.strerror(error.errno)})" if isinstance(error, OSError) and error.errno else ""
    place = _place(error)
    return f"{type(error).__name__}{reason}{f' at {place}' if place else ''}"


def chain(error: BaseException) -> Iterator[BaseException]:
    """An error and what it was raised from, or while handling, newest first."""
    seen: list[BaseException] = []
    while error not in seen:  # there may be circles
        yield error
        seen.append(error)
        cause = None if error.__suppress_context__ else error.__context__
        error = error.__cause__ or cause or error


def disk_is_full(error: BaseException) -> bool:
    """Whether no room was left, also where a library hides the system's error behind its own."""
    return any(map(_says_full, chain(error)))


def our_file(path: str) -> str | None:
    """The name of a source file of GENRE's, from the repository's root on; None for others."""
    file = Path(path)
    if not file.is_relative_to(_ROOT) or file.relative_to(_ROOT).parts[0] not in _PACKAGES:
        return None
    return file.relative_to(_ROOT).as_posix()


def _says_full(error: BaseException) -> bool:
    if isinstance(error, OSError) and error.errno in _FULL:
        return True
    return any(os.strerror(number) in str(error) for number in _FULL)


def _place(error: BaseException) -> str | None:
    """File and line of our innermost frame."""
    lines = [
        (our_file(frame.f_code.co_filename), line) for frame, line in walk_tb(error.__traceback__)
    ]
    ours = [f"{file}:{line}" for file, line in lines if file is not None]
    return ours[-1] if ours else None
