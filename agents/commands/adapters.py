"""`genre adapters list|show|add|publish|...`: the registry, read and written."""

from __future__ import annotations

import asyncio
from itertools import cycle
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.text import Text

from agents.base_model import base_folder, own_store
from agents.commands.setup import checked, print_json, settings
from agents.commands.terminal import console, printable, say
from agents.genres import verdicts
from agents.genres.registry import Registry, announcement
from agents.genres.versions import published, rolled_back, two, withdrawn
from genre_models.adapters import About, AdapterName, AdapterStore
from genre_models.adapters.contest import Record, losers
from genre_models.adapters.depot import upload
from genre_models.adapters.intake import Wanted, take
from genre_models.adapters.name import PATTERN
from genre_models.taxonomy import Taxonomy
from schemas.adapters import AdapterEvent
from schemas.errors import ModelError, Rejected
from schemas.training import TrainingEvent
from streams.clients.client import Client
from streams.clients.follower import take_all
from streams.settings import Settings
from streams.wire.topics import BY_EVENT

cli = typer.Typer(help="Look at the registry of adapters and change it.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.")]
Name = Annotated[str, typer.Argument(help="An adapter's name, <genre>@<12 hex digits>.")]
Reason = Annotated[str, typer.Option(help="Why; it is kept in the registry.")]


@cli.command("list")
def list_(
    genre: Annotated[str | None, typer.Option(help="Only this genre.")] = None, json: Json = False
) -> None:
    """Every adapter that the registry knows.

    `base` begins the fingerprint of the base model that it is for, as `genre prepare` prints it.
    `erased` counts erased users whose texts a version still contains.
    """
    events = [event for event in asyncio.run(_registry()).events() if genre in (None, event.genre)]
    if json:
        for event in events:
            print_json(msgspec.to_builtins(event))
    else:
        _show(events)


@cli.command()
def show(name: Name, json: Json = False) -> None:
    """All that is known of an adapter, and where its report lies."""
    event = _known(asyncio.run(_registry()), name)
    report = settings().adapters / "reports" / AdapterName.parse(name).digest / "report.html"
    document = msgspec.to_builtins(event) | {"report": str(report) if report.exists() else None}
    if json:
        print_json(document)
        return
    from rich.table import Table

    shown = Table(show_header=False)
    for key, value in document.items():
        shown.add_row(key, printable(str(value)[:600]))
    console().print(shown)


@cli.command()
def add(
    folder: Annotated[
        Path, typer.Argument(help="A folder that peft, Unsloth, a trainer or GENRE has saved.")
    ],
    genre: Annotated[str | None, typer.Option(help="What it writes, like short_story.")] = None,
    family: Annotated[
        str | None, typer.Option(help="Of the genre; those that come with GENRE have one.")
    ] = None,
    licence: Annotated[str | None, typer.Option(help="Of the weights and their texts.")] = None,
    description: Annotated[
        str | None, typer.Option(help="One line that describes a genre which is new.")
    ] = None,
    instruction: Annotated[
        str | None, typer.Option(help="How a model is told to write a genre which is new.")
    ] = None,
    request: Annotated[
        list[str] | None, typer.Option(help="How people ask for it; repeat it.")
    ] = None,
    measure: Annotated[
        bool,
        typer.Option("--measure", help="Load the base model, and see how likely texts become."),
    ] = False,
    json: Json = False,
) -> None:
    """Take an adapter that was made elsewhere into this machine's store.

    It is checked, written anew as plain LoRA and named; nothing is published. Without a genre.json
    in the folder, options say what it writes.
    """
    wanted = _wanted(genre, family, licence, description, instruction, request or [])
    given = settings()
    store = own_store(given)
    try:
        taken = take(folder, store, wanted)
    except OSError as error:
        reason = f"{error.strerror}: {error.filename}" if error.strerror else str(error)
        raise ModelError(
            "adapter_store", f"expected to read {folder} and to write the store, got {reason}"
        ) from error
    measured = f"; {_measured(given, store, taken.name)}" if measure else ""
    if json:
        print_json({"name": str(taken.name), "taken": f"{taken.line}{measured}"})
    else:
        say(f"{taken.name}: {taken.line}{measured}; `genre adapters publish {taken.name}` uses it")


def _measured(given: Settings, store: AdapterStore, name: AdapterName) -> str:
    """What the adapter does to the likelihood of its genre's texts."""
    genre = Taxonomy.load().genres.get(name.genre)
    if genre is None or not genre.texts:
        return f"no texts of {name.genre} to measure it by"
    from agents.generate.writer import engine_of
    from genre_models.engine.measure import perplexities
    from genre_models.engine.prompt import chat_prompt

    prompts = [chat_prompt(instruction=genre.instruction, request=text) for text in genre.requests]
    pairs = list(zip(cycle(prompts), genre.texts, strict=False))
    base, fast = base_folder(given), engine_of(given)[0] == "fast"
    alone, adapted = perplexities(base, store.verified(name), pairs, fast=fast)
    worse = ", which is worse: was it made for another base or other prompts?"
    return (
        f"perplexity of {len(pairs)} texts of {name.genre}: {alone:.4g} without it, "
        f"{adapted:.4g} with it{worse if adapted > alone else ''}"
    )


def _wanted(
    genre: str | None,
    family: str | None,
    licence: str | None,
    description: str | None,
    instruction: str | None,
    requests: list[str],
) -> Wanted:
    """What the options say, checked like a training's. Raises Rejected and InvalidEvent."""
    known = Taxonomy.load().genres.get(genre or "")
    if genre is not None and known is None and not (description and instruction):
        raise Rejected(
            "unknown_genre",
            f"Expected --description and --instruction, since {genre!r} does not come with GENRE "
            "(see `genre genres`).",
        )
    family = family or (known.family if known else None)
    checked(
        TrainingEvent,
        {
            "kind": "train",
            "genre": genre or "any",
            "family": family,
            "licence": licence,
            "description": description,
            "instruction": instruction,
            "requests": requests,
        },
    )
    about = (
        About(description=description, instruction=instruction, requests=tuple(requests))
        if description and instruction
        else None
    )
    return Wanted(genre=genre, family=family, licence=licence, about=about)


@cli.command()
def publish(
    adapter: Annotated[
        str,
        typer.Argument(help="A folder with an adapter, or a name of the registry or the store."),
    ],
    json: Json = False,
) -> None:
    """Verify an adapter, store it here and publish it.

    Or publish a withdrawn one again.
    """
    _report(asyncio.run(_publish(adapter)), json)


@cli.command()
def withdraw(name: Name, reason: Reason = "withdrawn by hand", json: Json = False) -> None:
    """Let no new request use the adapter.

    Those that are being written still do.
    """

    async def do() -> AdapterEvent:
        event = _known(await _registry(), name)
        return await _send(withdrawn(event, reason))

    _report(asyncio.run(do()), json)


@cli.command()
def rollback(
    genre: Annotated[str, typer.Argument(help="The genre whose newest version goes.")],
    reason: Reason = "rolled back",
    json: Json = False,
) -> None:
    """Withdraw the newest version of a genre.

    The one before it is published again where it is not.
    """

    async def do() -> list[AdapterEvent]:
        registry = await _registry()
        events = [event for event in registry.events() if event.genre == genre]
        _, before = two(events, genre)
        sent = [await _send(event) for event in rolled_back(events, genre, reason)]
        return sent if before.kind == "withdrawn" else [*sent, before]

    for event in asyncio.run(do()):
        _report(event, json)


@cli.command()
def compare(
    genre: Annotated[str, typer.Argument(help="The genre whose versions compete.")],
    withdraw_losers: Annotated[
        bool, typer.Option("--withdraw", help="Withdraw the versions that lose.")
    ] = False,
    json: Json = False,
) -> None:
    """What people said of each version's texts.

    A version loses when it is worse than the best with 95 % probability. Counts one verdict a user
    and text, from what stands in `recommendations` and `feedback`; both versions need 30.
    """
    asyncio.run(_compare(genre, withdraw_losers, json))


async def _compare(genre: str, withdrawing: bool, json: bool) -> None:
    registry, records = await _registry(), await verdicts.records(settings())
    names = registry.of_genre(genre)
    known = {name: records.get(name, Record()) for name in names}
    lost = losers(known)
    for name, record in known.items():
        numbers = {
            "liked": record.liked,
            "disliked": record.disliked,
            "worse": round(lost.get(name, 0.0), 4),
        }
        if json:
            print_json({"name": name, "loses": name in lost} | numbers)
        else:
            end = f"loses ({lost[name]:.1%} sure)" if name in lost else "stays"
            say(f"{name}: liked {record.liked}, disliked {record.disliked}: {end}")
    for name in lost if withdrawing else ():
        reason = f"worse than its rivals with {lost[name]:.1%}"
        _report(await _send(withdrawn(_known(registry, name), reason)), json)


async def _registry() -> Registry:
    given, registry = settings(), Registry()
    async with Client(given):
        pass  # says in one line when there is no broker
    await take_all(given, BY_EVENT[AdapterEvent], registry.apply)
    return registry


async def _publish(adapter: str) -> AdapterEvent:
    registry, given = await _registry(), settings()
    if not PATTERN.fullmatch(adapter):
        return await _send(await asyncio.to_thread(_added, given, registry, Path(adapter)))
    stored = given.adapters.expanduser() / adapter
    if registry.newest(adapter) is None and stored.is_dir():
        return await _send(await asyncio.to_thread(_added, given, registry, stored))
    return await _send(published(_known(registry, adapter)))


def _added(given: Settings, registry: Registry, folder: Path) -> AdapterEvent:
    store, location = own_store(given), next(iter(given.library_list), None)
    name = store.add(folder)
    if location is not None:
        upload(folder, str(name), location)
    return announcement(store.verified(name), registry, location)


async def _send(event: AdapterEvent) -> AdapterEvent:
    async with Client(settings()) as client:
        return await client.publish(event)


def _known(registry: Registry, name: str) -> AdapterEvent:
    event = registry.newest(str(AdapterName.parse(name)))
    if event is None:
        raise Rejected(
            "unknown_adapter",
            f"Expected an adapter of the registry, got {name}; see `genre adapters list`.",
        )
    return event


def _report(event: AdapterEvent, json: bool) -> None:
    if json:
        print_json(msgspec.to_builtins(event))
    else:
        say(f"{event.name} is {event.kind}{f': {event.reason}' if event.reason else ''}")


def _show(events: list[AdapterEvent]) -> None:
    from rich.table import Table

    if not events:
        say("no adapters")
        return
    tenants = any(event.tenant for event in events)
    titles = ("state", "since", "base", "perplexity", "parent", "erased")
    # At 80 columns a row of these fits on a line.
    shown = Table(box=None, padding=(0, 1, 0, 0))
    shown.add_column("name", no_wrap=True)
    for title in (*titles, *(["tenant"] if tenants else [])):
        shown.add_column(title, overflow="fold")
    for event in events:
        shown.add_row(*_row(event), *([event.tenant or ""] if tenants else []))
    console().print(shown)


def _row(event: AdapterEvent) -> tuple[str | Text, ...]:
    from rich.text import Text

    before, after = event.metrics.get("ppl_base"), event.metrics.get("ppl_adapter")
    return (
        event.name,
        event.kind,
        f"{event.time:%m-%d}",
        event.base_fingerprint[:6],
        f"{before:.0f} to {after:.0f}" if before and after else "",
        # A parent is nearly always of the same genre, and its digest names it.
        (event.lineage.parent or "").partition("@")[2],
        Text(str(event.erased), "red" if event.erased else ""),
    )
