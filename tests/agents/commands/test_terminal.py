"""What came from outside is printed as it is: no markup, no emoji codes, no control characters."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from rich.table import Table

import agents
from agents.commands.adapters import _show
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


def test_controls_steer_nothing() -> None:
    assert printable("a\x1b[2J\x9b\x00\tb\r\n") == "a[2J\tb\n"


def test_consoles_are_made_at_one_place() -> None:
    made = [
        file.name
        for file in Path(agents.__path__[0]).rglob("*.py")
        if re.search(r"\bConsole\(", file.read_text())
    ]
    assert made == ["terminal.py"]
