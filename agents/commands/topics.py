"""`genre topics create|check|acls`: what Kafka must hold and who may do what."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Annotated

import typer

from agents.commands.setup import print_json, settings
from agents.commands.terminal import say
from streams.clients import topic_admin
from streams.clients.kafka import reach

cli = typer.Typer(
    help="Create and check topics; print the least access rights.", no_args_is_help=True
)

_OPTIONS = {"Topic": "--topic", "Group": "--group", "TransactionalId": "--transactional-id"}
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@cli.command()
def create(json: Json = False) -> None:
    """Create every topic that is missing.

    Dead letters and changelogs too.
    """

    async def do() -> list[str]:
        given = settings()
        await reach(given)
        return await topic_admin.create(given)

    created = asyncio.run(do())
    if json:
        print_json({"created": created})
    else:
        say("\n".join(created) or "every topic is there")


@cli.command()
def check(json: Json = False) -> None:
    """Say what is missing or different; exit code 1 if anything is."""

    async def do() -> list[str]:
        given = settings()
        await reach(given)
        return await topic_admin.check(given)

    wrong = asyncio.run(do())
    if json:
        print_json({"wrong": wrong})
    else:
        say("\n".join(wrong) or "every topic is as it must be")
    raise typer.Exit(1 if wrong else 0)


@cli.command()
def acls(json: Json = False) -> None:
    """Print the least access rights of each role; needs no broker."""
    for rule in topic_admin.access_rules(settings()):
        if json:
            print_json(asdict(rule))
        else:
            option = _OPTIONS[rule.resource]
            kind = "" if rule.pattern == "Literal" else rule.pattern.lower()
            pattern = f" --resource-pattern-type {kind}" if kind else ""
            say(
                f"--add --allow-principal {rule.principal} "
                f"--operation {rule.operation} {option} {rule.name}{pattern}"
            )
