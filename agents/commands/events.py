"""`genre events validate TOPIC`: would this payload be accepted? Needs no Kafka."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from agents.commands.setup import print_json, settings
from schemas.errors import InvalidEvent
from streams.codecs import decode
from streams.topics import Topic, named

cli = typer.Typer(help="Check payloads against the schemas.", no_args_is_help=True)


@cli.callback()
def _group() -> None:
    """A group of one command keeps its name."""


@cli.command()
def validate(
    topic: Annotated[str, typer.Argument(help="With or without the prefix, for instance 'requests'.")],
    single: Annotated[bool, typer.Option("--single", help="The whole input is one payload.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object a payload.")] = False,
) -> None:
    """Read payloads from standard input, one a line, and say of each whether it is accepted; exit code 1 if one is not."""
    kind = named(topic, settings().prefix)
    data = sys.stdin.buffer.read()
    payloads = [data] if single else [line for line in data.split(b"\n") if line.strip()]
    verdicts = [verdict(kind, payload) for payload in payloads]
    for line in verdicts:
        if json:
            print_json(line)
        else:
            typer.echo("accepted" if line["accepted"] else f"refused ({line['code']}): {line['message']}")
    raise typer.Exit(0 if all(line["accepted"] for line in verdicts) else 1)


def verdict(topic: Topic, payload: bytes) -> dict[str, object]:
    """`{"accepted": true}`, or false with the code and message that its dead letter would carry."""
    try:
        decode(payload, topic.event)
    except InvalidEvent as error:
        return {"accepted": False, "code": error.code, "message": error.message}
    return {"accepted": True}
