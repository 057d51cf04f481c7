"""What long work says of itself on standard error: a bar on a terminal, elsewhere lines."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.progress import TimeRemainingColumn as TimeLeftColumn

from agents.commands import terminal

_SOURCE = "genre_models"  # the loggers whose lines are shown
_LINES = 4  # that tell how far counted work is, where there is no terminal

Advance = Callable[[int, int], None]
"""Called with (how much is done, of how much)."""


class _Handler(logging.Handler):
    def __init__(self, show: Callable[[str], None]) -> None:
        super().__init__(logging.INFO)
        self._show = show

    def emit(self, record: logging.LogRecord) -> None:
        self._show(record.getMessage())


@contextmanager
def bar(work: str, console: Console | None = None) -> Iterator[Advance]:
    """Show what the models' modules log while the block runs, and how far it is.

    `work` is its name until there is more to say. On a terminal nothing of it stays.
    """
    console = console or terminal.console(stderr=True)
    logger = logging.getLogger(_SOURCE)
    level, propagate = logger.level, logger.propagate
    shown = _on_terminal(work, console) if console.is_terminal else _in_lines(console)
    with shown as (show, advance):
        handler = _Handler(show)
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        logger.propagate = False
        try:
            yield advance
        finally:
            logger.removeHandler(handler)
            logger.setLevel(level)
            logger.propagate = propagate


@contextmanager
def _on_terminal(work: str, console: Console) -> Iterator[tuple[Callable[[str], None], Advance]]:
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TimeElapsedColumn(),
        TimeLeftColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(work, total=None)

        def advance(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total)

        yield lambda line: progress.update(task, description=line), advance


@contextmanager
def _in_lines(console: Console) -> Iterator[tuple[Callable[[str], None], Advance]]:
    said = 0

    def advance(done: int, total: int) -> None:
        nonlocal said
        part = _LINES * done // total
        if part > said:
            console.print(f"{done:,} of {total:,}", highlight=False)
        said = part

    yield lambda line: console.print(line, highlight=False, markup=False, soft_wrap=True), advance
