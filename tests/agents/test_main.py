"""The command line: what it lists, what it imports, what it says to those who mistype."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agents import commands
from agents.main import COMMANDS, cli, load, main

FOLDER = Path(next(iter(commands.__path__)))
# Modules that commands share.
SHARED = {"bar", "__init__", "answer", "demo", "growing", "setup", "terminal"}

HEAVY = {"faust", "mode", "numpy", "torch", "river", "sklearn", "rich.table", "rich.markdown"}


def imported_by(*arguments: str) -> set[str]:
    """The modules that a fresh interpreter has imported when a command has ended."""
    program = (
        "import sys, agents.main\n"
        "sys.argv = ['genre', *sys.argv[1:]]\n"
        "try:\n    agents.main.main()\n"
        "except SystemExit:\n    print(*sys.modules, file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env={"GENRE_BROKERS": "127.0.0.1:1", "GENRE_STATE": "/nonexistent"},
        cwd=FOLDER.parents[1],
    )
    return set(done.stderr.splitlines()[-1].split())


def test_help_imports_no_command() -> None:
    found = imported_by("--help")
    assert "agents.main" in found
    assert not found & (HEAVY | {"rich", "aiokafka", "asyncio", "streams"})


def test_asking_imports_what_it_needs() -> None:
    found = imported_by("ask", "a joke")
    assert "aiokafka" in found
    assert not found & HEAVY
    assert {name for name in found if name.startswith("agents.")} == {
        "agents.commands",
        "agents.commands.answer",
        "agents.commands.ask",
        "agents.commands.growing",
        "agents.commands.setup",
        "agents.commands.terminal",
        "agents.main",
    }


def test_every_module_of_a_command_is_listed() -> None:
    assert {path.stem for path in FOLDER.glob("*.py")} - SHARED == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_line_of_a_command_is_the_first_of_its_help(name: str) -> None:
    assert load(name).help.splitlines()[0] == COMMANDS[name]


def test_help_shows_every_line_whole() -> None:
    shown = CliRunner(env={"COLUMNS": "80"}).invoke(cli, ["--help"]).output
    assert [line for line in COMMANDS.values() if line not in shown] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str) -> None:
    done = CliRunner().invoke(cli, [name, "-h"])
    assert done.exit_code == 0
    assert COMMANDS[name] in done.output


def test_a_slip_gets_a_suggestion() -> None:
    done = CliRunner().invoke(cli, ["aks"])
    assert done.exit_code == 2
    assert "Did you mean 'ask'?" in done.output


def test_an_error_is_one_line_whatever_stands_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = str(tmp_path / "a\nb\x1b[31m\udcff.csv")
    monkeypatch.setattr(sys, "argv", ["genre", "feedback", "import", file])
    with pytest.raises(SystemExit) as ended:
        main()
    told = capsys.readouterr().err
    assert ended.value.code == 2
    assert told.startswith("genre: Expected a file") and told.count("\n") == 1
    assert r"a\nb\x1b[31m\udcff.csv" in told
