"""What a worker logs: texts of users stay out of it, whoever quotes them, unless asked for."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterator, Mapping
from functools import lru_cache
from numbers import Number
from pathlib import Path
from types import CodeType
from typing import Any

from schemas.errors import chain, discreet, our_file

_HIDDEN = "a message that may quote a text; GENRE_LOG_LEVEL=DEBUG shows it"

log = logging.getLogger(__name__)


def keep_texts_out() -> None:
    """Make every record of this process discreet, and what ends up on standard error otherwise.

    What GENRE did not raise itself is told by its kind and by our line that it passed; another
    library's message without what it fills in, unless that is a number or an error.
    """
    logging.captureWarnings(True)
    logging.setLogRecordFactory(DiscreetRecord)
    sys.excepthook = lambda _, error, trace: _uncaught("the process", error)
    sys.unraisablehook = lambda given: _uncaught("a finaliser", given.exc_value)
    threading.excepthook = lambda given: _uncaught("a thread", given.exc_value)


class DiscreetRecord(logging.LogRecord):
    """A record without tracebacks, and without what may have come from a user."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # A logger's name says little: Faust logs under the names of our classes that extend its.
        is_own = our_file(self.pathname) is not None
        show = _own if is_own else _foreign
        if isinstance(self.msg, BaseException):
            self.msg, self.args = show(self.msg), None
        elif not is_own and _template(self.msg) not in _literals(self.pathname):
            self.msg, self.args = _HIDDEN, None
        elif isinstance(self.args, Mapping):
            self.args = {name: show(value) for name, value in self.args.items()}
        elif self.args:
            self.args = tuple(map(show, self.args))
        error = self.exc_info[1] if self.exc_info else None
        self.exc_info = self.exc_text = self.stack_info = None
        if error is not None:
            self.msg, self.args = f"{self._message()}: {_told(error)}", None

    def _message(self) -> str:
        try:
            return self.getMessage()
        except (TypeError, ValueError):  # it does not fit what it fills in
            return str(self.msg)


class _Shown(str):
    """Looks alike with %s and %r."""

    __repr__ = str.__str__


def _own(value: Any) -> Any:
    return _Shown(_told(value)) if isinstance(value, BaseException) else value


def _foreign(value: Any) -> Any:
    if value is None or isinstance(value, Number):
        return value
    return _own(value) if isinstance(value, BaseException) else _Shown(f"<{type(value).__name__}>")


def _told(error: BaseException) -> str:
    return ", from ".join(map(discreet, chain(error)))


def _template(message: object) -> str:
    """A message before anything is filled in; mode puts its service's name before."""
    words = str(message)
    return words.partition("]: ")[2] if words.startswith("[^") else words


@lru_cache(maxsize=256)
def _literals(file: str) -> frozenset[str]:
    """The strings in a file's source: a message that is one of them quotes nobody."""
    try:
        return frozenset(_strings(compile(Path(file).read_bytes(), file, "exec")))
    except Exception:  # no file, no source, ...: a log call must not fail
        return frozenset()


def _strings(code: CodeType) -> Iterator[str]:
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield from _strings(each)
        elif isinstance(each, str):
            yield each


def _uncaught(where: str, error: BaseException | None) -> None:
    log.critical("%s met an error that nothing caught", where, exc_info=error)
