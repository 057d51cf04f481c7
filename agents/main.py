"""The command line: `genre <command>`. Exit codes: 0 done, 1 the answer is no, 2 wrong usage or
input, 3 not ready."""

from __future__ import annotations

import logging
import sys

import typer
from aiokafka.errors import KafkaError

from agents.commands import adapters, data, dlq, events, feedback, topics, user
from agents.commands.ask import ask
from agents.commands.evaluate import evaluate
from agents.commands.generate import generate
from agents.commands.genres import genres
from agents.commands.prepare import prepare
from agents.commands.profile import profile
from agents.commands.rate import rate
from agents.commands.rebuild import rebuild
from agents.commands.tail import tail
from agents.commands.train import train
from agents.commands.up import up
from agents.commands.worker import worker
from schemas.errors import GenreError, NotReady

cli = typer.Typer(
    help="GENRE: personalised text generation on Kafka.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
cli.command()(up)
cli.command()(prepare)
cli.command()(worker)
cli.command()(ask)
cli.command()(rate)
cli.command()(profile)
cli.command()(tail)
cli.command()(genres)
cli.add_typer(data.cli, name="data")
cli.command()(train)
cli.command()(generate)
cli.add_typer(topics.cli, name="topics")
cli.add_typer(adapters.cli, name="adapters")
cli.add_typer(dlq.cli, name="dlq")
cli.add_typer(events.cli, name="events")
cli.add_typer(user.cli, name="user")
cli.add_typer(feedback.cli, name="feedback")
cli.command()(evaluate)
cli.command()(rebuild)


def main() -> None:
    """Entry point: errors of GENRE become one line on standard error and an exit code."""
    # aiokafka logs every refused connection; the commands say it in one line of their own.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    try:
        cli()
    except GenreError as error:
        print(f"genre: {error.message}", file=sys.stderr)
        sys.exit(3 if isinstance(error, NotReady) else 2)
    except KafkaError as error:
        print(f"genre: the broker answered {type(error).__name__}: {error}", file=sys.stderr)
        sys.exit(3)
    except TimeoutError:
        print(
            "genre: no answer in time; is every role running? `genre up` says so.", file=sys.stderr
        )
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
