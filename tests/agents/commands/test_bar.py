"""Long work tells of itself: on a terminal in place, elsewhere a line each."""

from __future__ import annotations

import io
import logging

import pytest
from rich.console import Console

from agents.commands.bar import bar

LOG = logging.getLogger("genre_models.packages")


def told(*, terminal: bool) -> str:
    console = Console(file=io.StringIO(), force_terminal=terminal, width=120)
    with bar("models", console) as advance:
        LOG.info("downloading %s", "pip demo 1.0 [a]")
        for done in range(1, 41):
            advance(done, 40)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_without_a_terminal_there_are_a_few_plain_lines() -> None:
    assert told(terminal=False).splitlines() == [
        "downloading pip demo 1.0 [a]",
        "10 of 40",
        "20 of 40",
        "30 of 40",
        "40 of 40",
    ]


def test_a_terminal_shows_a_bar_and_keeps_nothing_of_it() -> None:
    shown = told(terminal=True)
    assert "models" in shown and "downloading pip demo 1.0 [a]" in shown
    assert shown.endswith("\x1b[2K")  # the line of the bar is erased


def test_afterwards_logging_is_as_before(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("genre_models")
    before = (logger.level, logger.propagate, list(logger.handlers))
    with pytest.raises(ZeroDivisionError), bar("models", Console(file=io.StringIO())):
        raise ZeroDivisionError
    assert (logger.level, logger.propagate, list(logger.handlers)) == before
