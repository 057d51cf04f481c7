"""The command line: `genre <command>`.

Exit codes: 0 done, 1 the answer is no, 2 wrong usage or input, 3 not ready.
"""

from __future__ import annotations

import logging
import sys
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_group

from schemas.errors import GenreError, NotReady

# A command is the module of its name in agents/commands, which holds a function of that name, or
# `cli` where several commands share a noun. Its line here is the first of its own help.
COMMANDS = {
    "up": "Start a broker in memory and every role; stay until Ctrl-C.",
    "prepare": "Fetch and convert the models, once.",
    "worker": "Run one role until SIGTERM or Ctrl-C; a second ends it at once.",
    "ask": "Ask for a text, and get the best of several first.",
    "rate": "Say what you think of a text; the next answer knows it.",
    "profile": "Print a user's likes and dislikes with their uncertainty.",
    "tail": "Print the records of a topic as they come; Ctrl-C ends it.",
    "classify": "Say which genre requests ask for, their language and safety.",
    "explain": "Say why a request gets its genre, language and verdict.",
    "classifier": "Say what was asked for, and how well it was understood.",
    "genres": "List the genres of the taxonomy with their families.",
    "safety": "Try what is declined; tune what tells harm.",
    "data": "Fetch, list and label texts by genre, to train adapters on.",
    "train": "Train an adapter for a genre from your texts.",
    "generate": "Write texts with an adapter, a blend or the base model.",
    "keys": "Make keys of the gateway.",
    "topics": "Create and check topics; print the least access rights.",
    "starters": "Train the adapters of the genres that come with GENRE.",
    "adapters": "Look at the registry of adapters and change it.",
    "servers": "Print the commands that start servers; check running ones.",
    "dlq": "Look at dead letters and replay them.",
    "events": "Check payloads against the schemas; print the schemas.",
    "user": "Export or erase what was learned of a user; consent.",
    "feedback": "Feed earlier reactions, so that nobody starts cold.",
    "evaluate": "Judge a policy by logged decisions and their reactions.",
    "rebuild": "Learn the preferences again from the topics; compare.",
}
# Plain help: rich's tables take a quarter of a second to import.
_PLAIN: dict[str, Any] = {"add_completion": False, "rich_markup_mode": None}


class Commands(TyperGroup):
    """Lists commands by `COMMANDS`, and imports the one that is called."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The named command and the other arguments; ends with exit code 2 when there is none."""
        name, _, rest = super().resolve_command(ctx, args)
        return name, load(name or ""), rest


def load(name: str) -> Any:
    """The command `name` of `COMMANDS`, or its group of commands, with its module imported."""
    module, alone = import_module(f"agents.commands.{name}"), typer.Typer(**_PLAIN)
    if hasattr(module, "cli"):
        alone.add_typer(module.cli, name=name)
    else:
        alone.command(name)(getattr(module, name))
    return get_group(alone).commands[name]


cli = typer.Typer(
    cls=Commands,
    help="GENRE: personalised text generation on Kafka.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    **_PLAIN,
)
for _name, _help in COMMANDS.items():
    cli.command(_name, help=_help)(lambda: None)


def main() -> None:
    """Entry point: errors of GENRE become one line on standard error and an exit code."""
    # aiokafka logs every refused connection; the commands say it in one line of their own.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    try:
        cli()
    except Exception as error:
        line, code = _told(error)
        print(f"genre: {_printable(line)}", file=sys.stderr)
        sys.exit(code)
    except KeyboardInterrupt:
        sys.exit(130)


def _printable(line: str) -> str:
    """One line, whatever a file's name or a cell holds: a terminal would obey what it says."""
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in line
    )


def _told(error: Exception) -> tuple[str, int]:
    """The line and exit code of an error that people can do something about; raises others."""
    if isinstance(error, GenreError):
        return error.message, 3 if isinstance(error, NotReady) else 2
    if isinstance(error, TimeoutError):
        return "no answer in time; is every role running? `genre up` says so.", 1
    from aiokafka.errors import KafkaError

    if isinstance(error, KafkaError):
        return f"the broker answered {type(error).__name__}: {error}", 3
    raise error


if __name__ == "__main__":
    main()
