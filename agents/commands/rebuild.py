"""`genre rebuild`: the preferences anew from the topics, and whether the running ones agree."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from agents.commands.setup import print_json, settings
from agents.commands.terminal import say
from agents.genres.registry import Registry
from agents.recommend.ledger import Ledger
from agents.recommend.rebuild import Log, Rebuild, differing
from agents.recommend.role import incarnation_of
from genre_models.preferences.row import UserRow, readable
from schemas.adapters import AdapterEvent
from schemas.errors import InvalidEvent, Rejected
from schemas.preferences import PreferenceProfile
from streams.clients.follower import take_all
from streams.clients.kafka import committed, members, producer, reach
from streams.clients.reader import Reader, read
from streams.clients.topic_admin import require
from streams.settings import Settings
from streams.wire.codecs import decode
from streams.wire.dead_letters import reasons
from streams.wire.source import Source
from streams.wire.terms import Terms
from streams.wire.topics import BY_EVENT, changelog

_LETTERS = ("feedback.dlq", "users.dlq")
# Where the past must be whole, else the snapshots are begun from.
_PAST = ("decisions", "recommendations", "feedback", "users", *_LETTERS)

Rows = dict[bytes, bytes]


def rebuild(
    check: Annotated[
        bool,
        typer.Option(
            "--check", help="Compare with the running table; exit code 1 where users differ."
        ),
    ] = False,
    write: Annotated[
        bool,
        typer.Option(
            "--write", help="Write the rows into the tables' changelogs; no `recommend` may run."
        ),
    ] = False,
    json: Annotated[
        bool, typer.Option("--json", help="Print the result as one line of JSON.")
    ] = False,
) -> None:
    """Learn the preferences again from the topics; compare.

    Replays decisions and feedback from the beginning or, where retention has cut them, from the
    snapshots.
    """
    if check and write:
        raise Rejected("check_or_write", "Expected either --check or --write, got both.")
    found = asyncio.run(rebuilt(settings(), check=check, write=write))
    if json:
        print_json(found)
    else:
        told = (f"{name} {value}" for name, value in found.items() if name != "changes")
        say(", ".join(told))
    raise typer.Exit(1 if found.get("differing") else 0)


async def rebuilt(given: Settings, *, check: bool = False, write: bool = False) -> dict[str, Any]:
    """What a replay of the topics says: users, what was left out, changes of taste.

    With `check` also who is `differing`. Raises Rejected (still_running) where `write` would change
    the table under a worker.
    """
    await reach(given)
    await require(given)
    if write and (running := await members(given, given.topic("recommend"))):
        raise Rejected(
            "still_running",
            f"Expected every recommend worker to be stopped, got {running} running.",
        )
    is_cut = await _is_cut(given)
    # What is read later may hold more: snapshots first, then what is committed, the table, the log.
    replayed = await _prepared(given, is_cut=is_cut)
    inputs = given.topic("feedback"), given.topic("users")
    done = await committed(given, given.topic("recommend"), *inputs) if check else {}
    table = await _running(given) if check else {}
    if check:

        def is_done(source: Source, key: str) -> bool:
            """Whether the running system has applied a record: its row or its group says so."""
            row, committed_at = table.get(key), done.get((source.topic, source.partition), 0)
            is_marked = row is not None and row.is_applied(*replayed.ledger.mark(source))
            return is_marked or source.offset < committed_at

        replayed.is_due = is_done
    replayed.replay(await _log(given))
    rows = replayed.remembered()
    found: dict[str, Any] = {
        "users": len(rows),
        "from": "snapshots" if is_cut else "beginning",
        **replayed.counts,
    }
    if check:
        found["differing"] = differing(rows, table)
    if write:
        found["written"] = await _write(given, replayed.tables())
    return found | {
        "changes": {key: sorted(row.alarms) for key, row in sorted(rows.items()) if row.alarms}
    }


async def _prepared(given: Settings, *, is_cut: bool) -> Rebuild:
    registry, incarnation = Registry(), await incarnation_of(given)
    await take_all(given, BY_EVENT[AdapterEvent], registry.apply)
    return Rebuild(
        ledger=Ledger(
            users=await _snapshots(given, incarnation) if is_cut else {},
            decisions={},
            incarnation=incarnation,
        ),
        registry=registry,
        partitions=given.partitions,
        opt_in=given.learning_opt_in,
    )


async def _is_cut(given: Settings) -> bool:
    for name in _PAST:
        async with Reader(given, given.topic(name)) as reader:
            if await reader.is_cut():
                return True
    return False


async def _log(given: Settings) -> Log:
    letters = [
        reasons(letter.headers)
        for topic in _LETTERS
        for letter in await _records(given, given.topic(topic))
    ]
    # Of one whose output was too large, the row had learned before.
    places = [
        (each["topic"], int(each["partition"]), int(each["offset"]))
        for each in letters
        if {"topic", "partition", "offset"} <= each.keys()
        and each["partition"].isdecimal()
        and each["offset"].isdecimal()
        and each.get("code") != "output_too_large"
    ]
    return Log(
        decisions=await _records(given, given.topic("decisions")),
        recommendations=await _records(given, given.topic("recommendations")),
        feedback=await _records(given, given.topic("feedback")),
        users=await _records(given, given.topic("users")),
        refused=frozenset(places),
    )


async def _records(given: Settings, topic: str) -> list[Source]:
    return [record async for record in read(given, topic)]


async def _snapshots(given: Settings, incarnation: int) -> Rows:
    """The newest row of every user, but none of another cluster: its offsets mean nothing here."""
    newest: dict[bytes, UserRow | None] = {}
    async for record in read(given, given.topic("preferences")):
        try:
            profile = decode(record.value, PreferenceProfile) if record.value else None
        except InvalidEvent:
            continue
        newest[record.key or b""] = readable(profile.row) if profile else None
    return {
        key: row.pack()
        for key, row in newest.items()
        if row is not None and row.incarnation == incarnation
    }


async def _running(given: Settings) -> dict[str, UserRow]:
    """The rows of the running table; a corrupt one counts as none."""
    newest: Rows = {}
    terms = Terms()
    async for record in read(given, changelog(given.prefix, "recommend", "preferences")):
        if terms.admits(record.partition, record.headers):
            newest[record.key or b""] = record.value or b""
    rows = {
        key.decode("utf-8", "replace"): readable(packed)
        for key, packed in newest.items()
        if packed and not key.startswith(b"\0")
    }
    return {key: row for key, row in rows.items() if row is not None}


async def _write(given: Settings, tables: Mapping[str, Mapping[bytes, tuple[int, bytes]]]) -> int:
    sender = producer(given)
    await sender.start()
    try:
        sent = [
            await sender.send(
                changelog(given.prefix, "recommend", table), row, key=key, partition=partition
            )
            for table, rows in tables.items()
            for key, (partition, row) in rows.items()
        ]
        await asyncio.gather(*sent)
    finally:
        await sender.stop()
    return len(sent)
