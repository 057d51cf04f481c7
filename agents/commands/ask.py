"""`genre ask PROMPT`: publish a request and print its recommendation."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from agents.commands.setup import print_json, settings
from schemas.errors import InvalidEvent
from schemas.recommendations import Recommendation
from schemas.requests import GenerationRequest
from streams.clients.client import Client
from streams.wire.codecs import decode, encode


def ask(
    prompt: Annotated[str, typer.Argument(help="What to write.")],
    user: Annotated[str, typer.Option(help="Who asks.")] = "me",
    tenant: Annotated[str | None, typer.Option(help="The user's tenant.")] = None,
    genre: Annotated[
        str | None, typer.Option(help="A genre id or adapter name; otherwise it is classified.")
    ] = None,
    candidates: Annotated[int, typer.Option(help="How many texts, 1-8.")] = 4,
    max_tokens: Annotated[int, typer.Option(help="At most so many tokens a text, 1-512.")] = 64,
    temperature: Annotated[float, typer.Option(help="0-2; 0 is greedy.")] = 0.8,
    top_p: Annotated[float, typer.Option(help="Nucleus sampling.")] = 0.95,
    seed: Annotated[int | None, typer.Option(help="For repeatable texts.")] = None,
    language: Annotated[str | None, typer.Option(help="ISO 639 code.")] = None,
    style: Annotated[
        str | None, typer.Option(help="A declared style, for instance 'playful'.")
    ] = None,
    deadline: Annotated[float | None, typer.Option(help="Seconds from now.")] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Print the recommendation as one line of JSON.")
    ] = False,
) -> None:
    """Ask for a text and print the ranked candidates. Exit code 1 when the answer holds no text."""
    moment = None if deadline is None else datetime.now(UTC) + timedelta(seconds=deadline)
    wish = {
        "user_id": user,
        "prompt": prompt,
        "tenant": tenant,
        "genre": genre,
        "candidates": candidates,
        "max_tokens": max_tokens,
        "temperature": temperature,
        "top_p": top_p,
        "seed": seed,
        "language": language,
        "style": style,
        "deadline": moment,
    }
    # A worker that lives answers at the deadline at the latest, 60 seconds where none is given.
    answer = asyncio.run(_ask(_checked(wish), within=(deadline or 60.0) + 30.0))
    if json:
        print_json(msgspec.to_builtins(answer))
    else:
        Console().print(table(answer))
    raise typer.Exit(0 if answer.status == "ok" else 1)


def table(answer: Recommendation, *, title: str | None = None) -> Table:
    """The ranked candidates as a table for people."""
    if answer.status != "ok":
        note = Table(title=title, show_header=False)
        note.add_row(f"[red]{answer.status}[/red]", answer.code or "", answer.message or "")
        return note
    shown = Table(title=title, show_lines=True, title_justify="left", expand=True)
    shown.add_column(width=1)
    shown.add_column(
        "text, and the candidate to rate", ratio=7
    )  # at 80 columns an id fits on a line
    shown.add_column("genre", width=17, overflow="fold")
    shown.add_column("why", ratio=3)
    for place, candidate in enumerate(answer.candidates, 1):
        adapter = f"\n[dim]{candidate.adapter or 'base model'}[/dim]"
        style = f"\n[dim]{candidate.style}[/dim]" if candidate.style else ""
        genre = (candidate.genre or "-") + adapter + style
        text = f"{_plain(candidate.text)}\n[dim]{candidate.candidate_id}[/dim]"
        shown.add_row(str(place), text, genre, _plain(candidate.why))
    return shown


def _plain(text: str) -> str:
    # Generated text must not be read as rich markup.
    return text.replace("[", r"\[")


def _checked(wish: Mapping[str, object]) -> GenerationRequest:
    try:
        return decode(
            encode({name: value for name, value in wish.items() if value is not None}),
            GenerationRequest,
        )
    except InvalidEvent as error:
        raise InvalidEvent(
            error.code, f"This request would be refused ({error.code}): {error.message}"
        ) from error


async def _ask(request: GenerationRequest, within: float) -> Recommendation:
    async with Client(settings()) as client:
        return await client.ask(request, within=within)
