"""`genre dlq list|show|replay`: what could not be handled, why, and once more."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from typing import Annotated

import typer

from agents.commands.setup import moment, print_json, settings
from agents.commands.tail import as_json
from agents.commands.terminal import console, printable, say
from schemas.errors import Rejected
from streams.clients import letters as dead_letters
from streams.clients.kafka import reach
from streams.clients.letters import Choice, Letters
from streams.settings import Settings
from streams.wire.dead_letters import is_cut, place, reasons
from streams.wire.source import Source
from streams.wire.topics import TOPICS, Topic, named

cli = typer.Typer(help="Look at dead letters and replay them.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.")]
TopicName = Annotated[
    str, typer.Argument(help="The topic whose letters are meant, for instance 'requests'.")
]
Code = Annotated[str | None, typer.Option(help="Only letters with this error code.")]
Since = Annotated[
    str | None, typer.Option(help="Only letters written then or later: ISO 8601, UTC if not told.")
]
Until = Annotated[str | None, typer.Option(help="Only letters written before then.")]
Places = Annotated[
    list[str] | None, typer.Option(help="'<partition>@<offset>' as `show` prints; may repeat.")
]
Ids = Annotated[list[str] | None, typer.Option("--id", help="A record's `ce_id`; may repeat.")]


@cli.command("list")
def list_(json: Json = False) -> None:
    """How many letters each topic has, by error code, and how many of them were replayed."""
    counted = asyncio.run(_count())
    if json:
        for (topic, code), (count, replayed) in counted.items():
            print_json({"topic": topic, "code": code, "letters": count, "replayed": replayed})
        return
    from rich.table import Table

    shown = Table("topic", "code", "letters", "replayed")
    for (topic, code), (count, replayed) in counted.items():
        shown.add_row(topic, printable(code), str(count), str(replayed))
    console().print(shown if counted else "no dead letters")


@cli.command()
def show(
    topic: TopicName,
    code: Code = None,
    since: Since = None,
    until: Until = None,
    letter: Places = None,
    ids: Ids = None,
    last: Annotated[int, typer.Option(min=1)] = 20,
    json: Json = False,
) -> None:
    """The newest letters of a topic with the reason of each."""
    is_meant = choice(code, since, until, letter, ids)
    found = asyncio.run(_letters(topic))
    for each in [each for each in found.every if is_meant(each)][-last:]:
        why, replayed = reasons(each.headers), place(each) in found.replayed
        if json:
            print_json(as_json(each) | {"error": why, "replayed": replayed})
        else:
            where = f"{why.get('topic')}[{why.get('partition')}]@{why.get('offset')}"
            done = " (replayed)" if replayed else ""
            say(f"{place(each)}{done} {where} {why.get('code')}: {why.get('message')}")


@cli.command()
def replay(
    topic: TopicName,
    code: Code = None,
    since: Since = None,
    until: Until = None,
    letter: Places = None,
    ids: Ids = None,
    everything: Annotated[bool, typer.Option("--all", help="Every letter of the topic.")] = False,
    json: Json = False,
) -> None:
    """Publish letters again on their topic, each once.

    Each has its own key, value and headers, and the id that it had. What was replayed before is
    left out, also when several do this at the same time, or one was killed.
    """
    chosen = choice(code, since, until, letter, ids)
    if not (chosen or everything):
        raise Rejected(
            "nothing_chosen",
            "Expected --code, --since, --until, --letter, --id or --all to say which letters to "
            "replay, got none.",
        )
    # A replay that was taken over leaves futures behind, of which asyncio would tell.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    replayed = asyncio.run(_replay(topic, chosen))
    if json:
        print_json({"replayed": replayed})
    else:
        say(f"replayed {replayed} of the letters of {topic}")


def choice(
    code: str | None,
    since: str | None,
    until: str | None,
    places: list[str] | None,
    ids: list[str] | None,
) -> Choice:
    """The letters that are meant by all of these options. Raises Rejected (bad_time)."""
    return Choice(
        code=code,
        since=moment("--since", since),
        until=moment("--until", until),
        places=frozenset(places or ()),
        ids=frozenset(ids or ()),
    )


async def _count() -> dict[tuple[str, str], tuple[int, int]]:
    """Letters, and those of them that were replayed, by topic and code."""
    given = settings()
    await reach(given)
    every: Counter[tuple[str, str]] = Counter()
    replayed: Counter[tuple[str, str]] = Counter()
    for topic in TOPICS:
        found = await dead_letters.letters(given, topic)
        for letter in found.every:
            kind = (given.topic(topic.name), reasons(letter.headers).get("code", "?"))
            every[kind] += 1
            replayed[kind] += place(letter) in found.replayed
    return {kind: (count, replayed[kind]) for kind, count in every.items()}


async def _letters(name: str) -> Letters:
    given, topic = _named(name)
    await reach(given)
    return await dead_letters.letters(given, topic)


async def _replay(name: str, is_meant: Choice) -> int:
    given, topic = _named(name)
    await reach(given)

    def is_replayed(letter: Source) -> bool:
        if not is_meant(letter):
            return False
        if is_cut(letter.headers):
            line = f"{place(letter)} was too big to keep whole and is not replayed"
            say(line, err=True)
            return False
        return True

    return await dead_letters.replay(given, topic, is_replayed)


def _named(name: str) -> tuple[Settings, Topic]:
    given = settings()
    return given, named(name.removesuffix(".dlq"), given.prefix)
