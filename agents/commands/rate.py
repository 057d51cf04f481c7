"""`genre rate TEXT KIND`: publish one reaction."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Annotated

import msgspec
import typer

from agents.commands.setup import checked, print_json, settings
from agents.commands.terminal import say
from schemas.errors import Rejected
from schemas.feedback import Feedback
from schemas.keys import user_key
from schemas.recommendations import Recommendation
from streams.clients.client import Client
from streams.clients.kafka import reach
from streams.clients.newest import newest


def rate(
    candidate: Annotated[
        str,
        typer.Argument(
            metavar="TEXT",
            help="Its number in the newest answer, or a candidate id: <request id>/<index>.",
        ),
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
    """Say what you think of a text; the next answer knows it."""
    if candidate.isdecimal():
        candidate = asyncio.run(_numbered(int(candidate), user, tenant))
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
    sent = asyncio.run(_rate(checked(Feedback, reaction)))
    if json:
        print_json(msgspec.to_builtins(sent))
    else:
        say(f"{sent.kind} for {sent.candidate_id}, feedback id {sent.feedback_id}")


def place_in(answer: Recommendation | None, number: int, who: str) -> str:
    """The id of the `number`th text, from 1. Raises Rejected `no_answer` or `no_such_text`."""
    if answer is None:
        raise Rejected(
            "no_answer",
            f"Expected an answer to {who} on `recommendations`, got none: nothing was asked, or "
            "retention has cut it; --user and --tenant say who reacts.",
        )
    texts = answer.candidates
    if 1 <= number <= len(texts):
        return texts[number - 1].candidate_id
    held = f"1 to {len(texts)}" if texts else f"none, it is {answer.status}"
    raise Rejected(
        "no_such_text",
        f"Expected the number of a text of the newest answer to {who} ({held}), got {number}.",
    )


async def _numbered(number: int, user: str, tenant: str | None) -> str:
    given, who = settings(), user_key(user, tenant)
    await reach(given)
    return place_in(await newest(given, Recommendation, who), number, who)


async def _rate(feedback: Feedback) -> Feedback:
    async with Client(settings()) as client:
        return await client.rate(feedback)
