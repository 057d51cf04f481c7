"""`genre rate CANDIDATE KIND`: publish one reaction."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated

import msgspec
import typer

from agents.commands.setup import print_json, settings
from schemas.errors import InvalidEvent
from schemas.feedback import Feedback
from streams.clients.client import Client
from streams.wire.codecs import decode, encode


def rate(
    candidate: Annotated[
        str, typer.Argument(help="The candidate, '<request id>/<index>' as `genre ask` shows it.")
    ],
    kind: Annotated[
        str,
        typer.Argument(help="like, dislike, rating, click, dwell, accept, copy, edit, choose, ..."),
    ] = "like",
    user: Annotated[str, typer.Option(help="Who reacts.")] = "me",
    tenant: Annotated[str | None, typer.Option(help="The user's tenant.")] = None,
    value: Annotated[
        float | None, typer.Option(help="Stars 1-5 for a rating, seconds for a dwell.")
    ] = None,
    text: Annotated[str | None, typer.Option(help="The new text of an edit.")] = None,
    genre: Annotated[
        str | None, typer.Option(help="The right genre of a genre_correction.")
    ] = None,
    retracts: Annotated[
        str | None, typer.Option(help="The feedback id that a retract takes back.")
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Print the event as one line of JSON.")
    ] = False,
) -> None:
    """Say what you think of a candidate; the next answer knows it."""
    reaction = {
        "user_id": user,
        "kind": kind,
        "candidate_id": candidate,
        "request_id": candidate.rpartition("/")[0],
        "tenant": tenant,
        "value": value,
        "text": text,
        "genre": genre,
        "retracts": retracts,
        "time": datetime.now(UTC),
    }
    sent = asyncio.run(_rate(_checked(reaction)))
    if json:
        print_json(msgspec.to_builtins(sent))
    else:
        typer.echo(f"{sent.kind} for {sent.candidate_id}, feedback id {sent.feedback_id}")


def _checked(reaction: Mapping[str, object]) -> Feedback:
    try:
        return decode(
            encode({name: value for name, value in reaction.items() if value is not None}), Feedback
        )
    except InvalidEvent as error:
        raise InvalidEvent(
            error.code, f"This feedback would be refused ({error.code}): {error.message}"
        ) from error


async def _rate(feedback: Feedback) -> Feedback:
    async with Client(settings()) as client:
        return await client.rate(feedback)
