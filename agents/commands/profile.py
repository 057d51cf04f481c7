"""`genre profile USER`: what is believed about a user."""

from __future__ import annotations

import asyncio
from typing import Annotated

import msgspec
import typer

from agents.commands.setup import print_json, settings
from agents.commands.terminal import console, printable
from schemas.keys import user_key
from schemas.preferences import PreferenceProfile
from streams.clients.kafka import reach
from streams.clients.newest import newest


def profile(
    user: Annotated[str, typer.Argument(help="The user's id.")],
    tenant: Annotated[str | None, typer.Option(help="The user's tenant.")] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Print the profile as one line of JSON.")
    ] = False,
) -> None:
    """Print a user's likes and dislikes with their uncertainty.

    Exit code 1 for somebody who never reacted.
    """
    found = asyncio.run(find(user_key(user, tenant)))
    if json:
        print_json(None if found is None else msgspec.to_builtins(found))
    else:
        show(found, user)
    raise typer.Exit(0 if found else 1)


def show(found: PreferenceProfile | None, user: str) -> None:
    """Print likes and dislikes for people, one a line."""
    from rich.table import Table

    reactions = found.reactions if found else 0
    shown = Table(
        "about",
        "effect on liking",
        title=printable(f"{user}: {reactions} reactions"),
        title_justify="left",
    )
    for leaning in (*found.likes, *found.dislikes) if found else ():
        shown.add_row(printable(leaning.about), f"{leaning.mean:+.2f} ± {leaning.deviation:.2f}")
    if not shown.rows:
        shown.add_row("nothing known yet", "")
    console().print(shown)


async def find(key: str) -> PreferenceProfile | None:
    """The newest profile of a user key; None when there is none or it was erased."""
    given = settings()
    await reach(given)
    return await newest(given, PreferenceProfile, key)
