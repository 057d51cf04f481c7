"""Every error that GENRE raises on purpose.

GenreError        has `code`, a snake_case word that travels in dead letters and answers
├── InvalidEvent  what arrived cannot be read or breaks its schema: dead letter, never retried
├── Rejected      what arrived is well-formed but cannot be done: dead letter or terminal answer
├── ModelError    a model, an adapter or its files are missing, broken or refused
└── NotReady      a broker, topic or setting is not as it must be: the process ends with one line
"""

from __future__ import annotations


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
