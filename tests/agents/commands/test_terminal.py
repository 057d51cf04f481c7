"""What came from outside is printed as it is: no markup, no emoji codes, no control characters."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from rich.table import Table

import agents
from agents.commands.adapters import _show
from agents.commands.profile import show as show_profile
from agents.commands.terminal import console, printable, say
from tests.agents.genres.test_registry import HAIKU

TEXTS = (r"\[/red]", "[/red]", "[bold]a[/bold]", ":smile:", "[link=x]", "a\\")


@pytest.mark.parametrize("text", TEXTS)
def test_texts_are_no_markup(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    shown = Table("a column", title=text)
    shown.add_row(text)
    console().print(text)
    console().print(shown)
    say(text)
    assert capsys.readouterr().out.count(text) == 4


@pytest.mark.parametrize("text", TEXTS)
def test_no_markup_comes_from_a_topic(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    _show([replace(HAIKU, tenant=text)])
    assert "".join(text.split()) in "".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("text", TEXTS)
def test_no_markup_comes_from_a_user(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    show_profile(None, text)
    assert text in capsys.readouterr().out


def test_controls_steer_nothing() -> None:
    assert printable("a\x1b[2J\x9b\x00\tb\r\n") == "a[2J\tb\n"


def files_with(pattern: str) -> set[str]:
    """The names of the files of ours in which a pattern is found."""
    folder = Path(agents.__path__[0])
    return {file.name for file in folder.rglob("*.py") if re.search(pattern, file.read_text())}


def test_consoles_are_made_at_one_place() -> None:
    assert files_with(r"\bConsole\(") == {"terminal.py"}


def test_lines_are_printed_at_one_place() -> None:
    # JSON has no controls but as escapes.
    assert files_with(r"\btyper\.echo\(") == {"terminal.py", "events.py"}


def test_bars_take_no_markup() -> None:
    assert files_with(r"\bTextColumn\((?![^)]*markup=False)") == set()


def test_lines_steer_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    for err in (False, True):
        say("a\x1b[2Jb", err=err)
    assert capsys.readouterr() == ("a[2Jb\n", "a[2Jb\n")
