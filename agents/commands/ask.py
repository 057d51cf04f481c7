"""`genre ask PROMPT` or `genre ask --suggest`: publish a request and print its recommendation."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Annotated

import msgspec
import typer
from rich.console import Console

from agents.commands.answer import show
from agents.commands.growing import growing
from agents.commands.setup import checked, print_json, settings
from agents.commands.terminal import console
from schemas.progress import Progress
from schemas.recommendations import Recommendation
from schemas.requests import GenerationRequest
from streams.clients.client import Client


def ask(
    prompt: Annotated[str | None, typer.Argument(help="What to write.")] = None,
    suggest: Annotated[
        bool, typer.Option("--suggest", help="Without a prompt: what the user will want.")
    ] = False,
    about: Annotated[
        str | None, typer.Option(help="With --suggest: topics, divided by commas.")
    ] = None,
    user: Annotated[str, typer.Option(help="Who asks.")] = "me",
    tenant: Annotated[str | None, typer.Option(help="The user's tenant.")] = None,
    genre: Annotated[
        str | None, typer.Option(help="A genre id or adapter name; otherwise it is classified.")
    ] = None,
    candidates: Annotated[int, typer.Option(help="How many texts, 1-8.")] = 4,
    max_tokens: Annotated[
        int | None, typer.Option(help="At most so many tokens a text, 1-512; else the genre's.")
    ] = None,
    temperature: Annotated[
        float | None, typer.Option(help="0-2; 0 is greedy; else the genre's.")
    ] = None,
    top_p: Annotated[float | None, typer.Option(help="Nucleus sampling; else the genre's.")] = None,
    min_p: Annotated[
        float | None, typer.Option(help="Least share of the likeliest token's probability, 0-1.")
    ] = None,
    repetition_penalty: Annotated[
        float | None, typer.Option(help="1-2; 1 is none; else the genre's.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Of the texts; name genre and style too to repeat one.")
    ] = None,
    language: Annotated[str | None, typer.Option(help="ISO 639 code.")] = None,
    style: Annotated[
        str | None, typer.Option(help="A declared style, for instance 'playful'.")
    ] = None,
    deadline: Annotated[float | None, typer.Option(help="Seconds from now.")] = None,
    long: Annotated[
        bool, typer.Option("--long", help="With full identifiers and numbers.")
    ] = False,
    json: Annotated[
        bool, typer.Option("--json", help="Print the recommendation as one line of JSON.")
    ] = False,
) -> None:
    """Ask for a text, and get the best of several first.

    On a terminal, the first text grows while it is written, until all are ranked.
    Exit code 1 when the answer holds no text.
    """
    moment = None if deadline is None else datetime.now(UTC) + timedelta(seconds=deadline)
    wish = {
        "user_id": user,
        "prompt": prompt,
        "suggest": suggest or None,
        "context": None if about is None else {"topic": about},
        "tenant": tenant,
        "genre": genre,
        "candidates": candidates,
        "max_tokens": max_tokens,
        "temperature": temperature,
        "top_p": top_p,
        "min_p": min_p,
        "repetition_penalty": repetition_penalty,
        "seed": seed,
        "language": language,
        "style": style,
        "deadline": moment,
    }
    request = checked(GenerationRequest, wish)
    # A worker that lives answers at the deadline at the latest, 60 seconds where none is given.
    within, out = (deadline or 60.0) + 30.0, console()
    is_shown = out.is_terminal and not out.is_dumb_terminal and not json
    answer = asyncio.run(_shown(request, within, out) if is_shown else _ask(request, within))
    if json:
        print_json(msgspec.to_builtins(answer))
    else:
        show(out, answer, long=long)
        if answer.candidates:
            out.print(f"to react: {reacting(answer)}", style="dim", soft_wrap=True)
    raise typer.Exit(0 if answer.status == "ok" else 1)


def reacting(answer: Recommendation) -> str:
    """The command that likes a text of this answer, as one would type it."""
    words = ["genre", "rate", str(min(2, len(answer.candidates))), "like"]
    if answer.user_id != "me":
        words += ["--user", answer.user_id]
    if answer.tenant is not None:
        words += ["--tenant", answer.tenant]
    return shlex.join(words)


async def _ask(
    request: GenerationRequest, within: float, hear: Callable[[Progress], None] | None = None
) -> Recommendation:
    async with Client(settings()) as client:
        return await client.ask(request, within=within, hear=hear)


async def _shown(request: GenerationRequest, within: float, out: Console) -> Recommendation:
    """Ask, and show the first text while it is written."""
    with growing(out) as text:
        return await _ask(replace(request, stream=True), within, text.add)
