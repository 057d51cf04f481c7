"""Printing for people: what came from outside is shown as it is, and commands nothing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rich.console import Console

# A terminal would obey them. Line ends and tabs stay.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def console(*, stderr: bool = False) -> Console:
    """Prints words as they are: colours on a terminal only, no markup and no emoji codes."""
    from rich.console import Console

    return Console(stderr=stderr, highlight=False, markup=False, emoji=False)


def printable(text: str) -> str:
    """A text of any origin without control characters.

    >>> printable("a \\x1b[31mred\\x07 text")
    'a [31mred text'
    """
    return _CONTROL.sub("", text)


def say(line: str, *, err: bool = False) -> None:
    """Print a line, or several, that may quote something from outside."""
    typer.echo(printable(line), err=err)
