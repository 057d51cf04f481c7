"""`genre tail TOPIC`: print the records of a topic."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Annotated

import orjson
import typer

from agents.commands.setup import print_json, settings
from agents.commands.terminal import say
from streams.clients.kafka import reach
from streams.clients.reader import read
from streams.wire.source import Source
from streams.wire.topics import named


def tail(
    topic: Annotated[
        str, typer.Argument(help="With or without the prefix, for instance 'recommendations'.")
    ],
    beginning: Annotated[
        bool, typer.Option("--from-beginning", help="Start with the oldest record.")
    ] = False,
    follow: Annotated[bool, typer.Option(help="Go on when the present end is reached.")] = True,
    json: Annotated[
        bool, typer.Option("--json", help="One JSON object a record, with headers.")
    ] = False,
) -> None:
    """Print the records of a topic as they come; Ctrl-C ends it."""
    asyncio.run(_tail(topic, beginning, follow, json))


async def _tail(topic: str, beginning: bool, follow: bool, json: bool) -> None:
    given = settings()
    name = given.topic(named(topic, given.prefix).name)
    await reach(given)
    records = read(given, name, beginning=beginning or not follow, follow=follow)
    async with aclosing(records):
        async for record in records:
            if json:
                print_json(as_json(record))
            else:
                place = f"{record.partition}@{record.offset}"
                say(f"{place} {_text(record.key)} {_text(record.value)}")


def as_json(record: Source) -> dict[str, object]:
    """A record as a JSON object: its event where the value is JSON, else its bytes as text."""
    try:
        value = orjson.loads(record.value) if record.value else None
        orjson.dumps(value)  # reads 1,024 levels, and writes 254
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        value = _text(record.value)
    return {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "timestamp": record.timestamp,
        "key": _text(record.key),
        "headers": {name: value.decode("utf-8", "replace") for name, value in record.headers},
        "value": value,
    }


def _text(data: bytes | None) -> str:
    return "null" if data is None else data.decode("utf-8", "replace")
