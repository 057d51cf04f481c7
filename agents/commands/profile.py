"""`genre profile USER`: what is believed about a user."""

from __future__ import annotations

import asyncio
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from agents.commands.setup import print_json, settings
from schemas.keys import user_key
from schemas.preferences import PreferenceProfile
from streams.clients.kafka import reach
from streams.clients.reader import read
from streams.settings import Settings
from streams.wire.codecs import decode


def profile(
    user: Annotated[str, typer.Argument(help="The user's id.")],
    tenant: Annotated[str | None, typer.Option(help="The user's tenant.")] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Print the profile as one line of JSON.")
    ] = False,
) -> None:
    """Print a user's likes and dislikes with their uncertainty. Exit code 1 for somebody who never
    reacted."""
    found = asyncio.run(_find(user_key(user, tenant)))
    if json:
        print_json(None if found is None else msgspec.to_builtins(found))
    else:
        Console().print(table(found, user))
    raise typer.Exit(0 if found else 1)


def table(found: PreferenceProfile | None, user: str) -> Table:
    """Likes and dislikes as a table for people."""
    reactions = found.reactions if found else 0
    shown = Table(
        "about", "effect on liking", title=f"{user}: {reactions} reactions", title_justify="left"
    )
    for leaning in (*found.likes, *found.dislikes) if found else ():
        shown.add_row(leaning.about, f"{leaning.mean:+.2f} ± {leaning.deviation:.2f}")
    if not shown.rows:
        shown.add_row("nothing known yet", "")
    return shown


async def newest(given: Settings, key: str) -> PreferenceProfile | None:
    """The newest profile of a user key; None when there is none or it was erased."""
    found = None
    async for record in read(given, given.topic("preferences")):
        if record.key == key.encode():
            found = decode(record.value, PreferenceProfile) if record.value else None
    return found


async def _find(key: str) -> PreferenceProfile | None:
    given = settings()
    await reach(given)
    return await newest(given, key)
