"""`genre user export|erase|consent|opt-out USER`: what people may demand about their own data."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from agents.commands.profile import find
from agents.commands.setup import print_json, settings
from agents.commands.terminal import say
from agents.exported import exported
from schemas.keys import user_key
from schemas.users import UserCommand
from streams.clients.client import Client

cli = typer.Typer(
    help="Export or erase what was learned of a user; consent.",
    no_args_is_help=True,
)

User = Annotated[str, typer.Argument(help="The user's id.")]
Tenant = Annotated[str | None, typer.Option(help="The user's tenant.")]


@cli.command()
def export(user: User, tenant: Tenant = None) -> None:
    """Print what is remembered of a user as one line of JSON.

    Exit code 1 when there is nothing.
    """
    found = asyncio.run(find(user_key(user, tenant)))
    print_json(None if found is None else exported(found))
    raise typer.Exit(0 if found else 1)


@cli.command()
def erase(user: User, tenant: Tenant = None) -> None:
    """Forget a user.

    What was learned goes, and so do their decisions, corrections and texts.
    """
    _send(UserCommand(user_id=user, tenant=tenant, kind="erase"), "will be forgotten")


@cli.command()
def consent(
    user: User,
    tenant: Tenant = None,
    withdraw: Annotated[bool, typer.Option("--withdraw", help="Take consent back.")] = False,
) -> None:
    """Allow learning from a user, or `--withdraw`.

    Their texts are dropped then; what was learned stays until it is erased.
    """
    command = UserCommand(user_id=user, tenant=tenant, kind="consent", allowed=not withdraw)
    _send(command, "is not learned from any more" if withdraw else "is learned from")


@cli.command("opt-out")
def opt_out(
    user: User,
    tenant: Tenant = None,
    undo: Annotated[bool, typer.Option("--undo", help="Allow exploration again.")] = False,
) -> None:
    """Never explore for a user; `--undo` allows it again.

    Every decision is then what is believed to be best.
    """
    command = UserCommand(user_id=user, tenant=tenant, kind="explore", allowed=undo)
    _send(command, "may be explored for again" if undo else "is not explored for any more")


def _send(command: UserCommand, words: str) -> None:
    async def publish() -> None:
        async with Client(settings()) as client:
            await client.publish(command)

    asyncio.run(publish())
    say(f"{user_key(command.user_id, command.tenant)} {words}")
