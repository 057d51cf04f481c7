"""`genre dlq list|show|replay`: what could not be handled, why, and once more."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Annotated

import typer

from agents.commands.setup import print_json, settings
from agents.commands.tail import as_json
from schemas.errors import Rejected
from streams.clients.kafka import producer, reach
from streams.clients.reader import read
from streams.settings import Settings
from streams.wire.dead_letters import is_cut, original_headers, reasons
from streams.wire.source import Source
from streams.wire.topics import TOPICS, Topic, named

cli = typer.Typer(help="Look at dead letters and replay them.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.")]
TopicName = Annotated[
    str, typer.Argument(help="The topic whose letters are meant, for instance 'requests'.")
]
Code = Annotated[str | None, typer.Option(help="Only letters with this error code.")]


@cli.command("list")
def list_(json: Json = False) -> None:
    """How many letters each topic has, by error code."""
    counted = asyncio.run(_count())
    if json:
        for (topic, code), count in counted.items():
            print_json({"topic": topic, "code": code, "letters": count})
        return
    from rich.console import Console
    from rich.table import Table

    shown = Table("topic", "code", "letters")
    for (topic, code), count in counted.items():
        shown.add_row(topic, code, str(count))
    Console().print(shown if counted else "no dead letters")


@cli.command()
def show(
    topic: TopicName,
    code: Code = None,
    last: Annotated[int, typer.Option(min=1)] = 20,
    json: Json = False,
) -> None:
    """The newest letters of a topic with the reason of each."""
    letters = [
        letter
        for letter in asyncio.run(_letters(topic))
        if code in (None, reasons(letter.headers).get("code"))
    ]
    for letter in letters[-last:]:
        if json:
            print_json(as_json(letter) | {"error": reasons(letter.headers)})
        else:
            why = reasons(letter.headers)
            where = f"{why.get('topic')}[{why.get('partition')}]@{why.get('offset')}"
            typer.echo(
                f"{letter.partition}@{letter.offset} {where} "
                f"{why.get('code')}: {why.get('message')}"
            )


@cli.command()
def replay(
    topic: TopicName,
    code: Code = None,
    letter: Annotated[
        list[str] | None, typer.Option(help="'<partition>@<offset>' as `show` prints; may repeat.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every letter of the topic.")] = False,
    json: Json = False,
) -> None:
    """Publish letters again on their topic.

    Each has its own key, value and headers.
    """
    if code is None and not letter and not everything:
        raise Rejected(
            "nothing_chosen",
            "Expected --code, --letter or --all to say which letters to replay, got none.",
        )
    replayed = asyncio.run(_replay(topic, code, set(letter or ())))
    if json:
        print_json({"replayed": replayed})
    else:
        typer.echo(f"replayed {replayed} of the letters of {topic}")


async def _count() -> Counter[tuple[str, str]]:
    given = settings()
    await reach(given)
    counted: Counter[tuple[str, str]] = Counter()
    for topic in TOPICS:
        async for letter in read(given, given.topic(topic.dead_letters)):
            counted[(given.topic(topic.name), reasons(letter.headers).get("code", "?"))] += 1
    return counted


async def _letters(name: str) -> list[Source]:
    given, topic = _named(name)
    await reach(given)
    return [letter async for letter in read(given, given.topic(topic.dead_letters))]


async def _replay(name: str, code: str | None, chosen: set[str]) -> int:
    given, topic = _named(name)
    letters = await _letters(name)
    sender = producer(given)
    await sender.start()
    try:
        count = 0
        for letter in letters:
            if _is_meant(letter, code, chosen):
                headers = list(original_headers(letter.headers))
                await sender.send_and_wait(
                    given.topic(topic.name), letter.value, key=letter.key, headers=headers
                )
                count += 1
        return count
    finally:
        await sender.stop()


def _is_meant(letter: Source, code: str | None, chosen: set[str]) -> bool:
    if chosen and f"{letter.partition}@{letter.offset}" not in chosen:
        return False
    if is_cut(letter.headers):
        typer.echo(
            f"{letter.partition}@{letter.offset} was too big to keep whole and is not replayed",
            err=True,
        )
        return False
    return code is None or reasons(letter.headers).get("code") == code


def _named(name: str) -> tuple[Settings, Topic]:
    given = settings()
    return given, named(name.removesuffix(".dlq"), given.prefix)
