"""`genre events validate | schemas`: what would be accepted? Needs no Kafka."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from agents.commands.setup import print_json, settings
from agents.commands.terminal import say
from schemas.errors import InvalidEvent
from streams.wire.asyncapi import document, printed
from streams.wire.asyncapi import schemas as documents
from streams.wire.codecs import decode
from streams.wire.topics import Topic, named

cli = typer.Typer(
    help="Check payloads against the schemas; print the schemas.", no_args_is_help=True
)


@cli.command()
def validate(
    topic: Annotated[
        str, typer.Argument(help="With or without the prefix, for instance 'requests'.")
    ],
    single: Annotated[
        bool, typer.Option("--single", help="The whole input is one payload.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object a payload.")] = False,
) -> None:
    """Say of each line of standard input whether it is accepted.

    Exit code 1 if one is not.
    """
    kind = named(topic, settings().prefix)
    data = sys.stdin.buffer.read()
    payloads = [data] if single else data.removesuffix(b"\n").split(b"\n") if data else []
    verdicts = [verdict(kind, payload) for payload in payloads]
    for line in verdicts:
        if json:
            print_json(line)
        elif line["accepted"]:
            say("accepted")
        else:
            say(f"refused ({line['code']}): {line['message']}")
    raise typer.Exit(0 if all(line["accepted"] for line in verdicts) else 1)


@cli.command()
def schemas(
    asyncapi: Annotated[
        bool, typer.Option("--asyncapi", help="The AsyncAPI 3.0 document instead.")
    ] = False,
) -> None:
    """Print the JSON Schemas of every event.

    Or the AsyncAPI document of every topic.
    """
    contract = document(settings().prefix) if asyncapi else documents()
    typer.echo(printed(contract), nl=False)


def verdict(topic: Topic, payload: bytes) -> dict[str, object]:
    """`{"accepted": true}`, or false with the code and message that its dead letter would carry."""
    try:
        decode(payload, topic.event, names_once=topic.written_by_clients)
    except InvalidEvent as error:
        return {"accepted": False, "code": error.code, "message": error.message}
    return {"accepted": True}
