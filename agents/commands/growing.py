"""A text that grows in a terminal while it is written, until its answer is there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console, ConsoleOptions
from rich.live import Live
from rich.text import Text

from agents.commands.answer import lines_of
from schemas.progress import Progress

_ROOM = 2  # lines of a terminal that are not the text's: the one below it, and the cursor's


class GrowingText:
    """The candidate of which a piece came first, as far as it is written.

    Renders as the last lines that the terminal has room for.
    """

    def __init__(self) -> None:
        self._index: int | None = None
        self._next = 0
        self._text = ""

    def add(self, piece: Progress) -> None:
        """Take the next piece; those of other candidates, and repeated ones, change nothing."""
        if self._index is None:
            self._index = piece.index
        if piece.index == self._index and (piece.sequence or 0) >= self._next:
            self._next = (piece.sequence or 0) + 1
            self._text += piece.text or ""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        if self._text:
            yield from lines_of(console, self._text)[-max(1, console.height - _ROOM) :]
        yield Text("being written ..." if self._text else "waiting for the first words ...", "dim")


@contextmanager
def growing(out: Console) -> Iterator[GrowingText]:
    """Show a text while the block runs; nothing of it stays."""
    text = GrowingText()
    with Live(text, console=out, transient=True, refresh_per_second=8):
        yield text
