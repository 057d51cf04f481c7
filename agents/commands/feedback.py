"""`genre feedback import FILE`: a team's earlier reactions, so that nobody starts cold."""

from __future__ import annotations

import asyncio
import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Annotated

import orjson
import typer

from agents.commands.setup import checked, print_json, settings
from schemas.errors import InvalidEvent, Rejected
from schemas.feedback import Feedback
from streams.clients.client import Client

cli = typer.Typer(no_args_is_help=True)

# What a signal says of a text, 0-1; a rating is 1-5 stars, anything else a number from 0 to 1.
LIKINGS: Mapping[str, float] = {
    "like": 1.0,
    "dislike": 0.0,
    "click": 0.8,
    "accept": 0.9,
    "copy": 0.9,
    "choose": 0.9,
    "regenerate": 0.15,
}
_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the file: a reaction, or why it is none."""

    number: int
    feedback: Feedback | None = None
    error: str = ""


@cli.callback()
def feedback() -> None:
    """Feed earlier reactions, so that nobody starts cold."""


@cli.command("import")
def import_(
    file: Annotated[
        Path, typer.Argument(help="CSV with a header, or JSON lines (.jsonl).", exists=True)
    ],
    tenant: Annotated[str | None, typer.Option(help="The tenant of users without one.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check the file and send nothing.")
    ] = False,
    json: Annotated[
        bool, typer.Option("--json", help="Print the counts as one line of JSON.")
    ] = False,
) -> None:
    """Send the reactions of a file.

    Its columns are user, text or genre, signal, and time (RFC 3339) where known.

    A signal is like, dislike, click, accept, copy, choose, regenerate, `rating:1` to `rating:5`, or
    a liking from 0 to 1. The same file again changes nothing. Exit code 1 when lines were refused.
    """
    lines = list(read(file, tenant))
    refused = [line for line in lines if line.feedback is None]
    reactions = [line.feedback for line in lines if line.feedback is not None]
    for line in refused[:20]:
        typer.echo(f"{file}:{line.number}: {line.error}", err=True)
    if not dry_run:
        asyncio.run(_send(reactions))
    if json:
        print_json(
            {
                "sent": 0 if dry_run else len(reactions),
                "valid": len(reactions),
                "refused": len(refused),
            }
        )
    else:
        typer.echo(f"{'valid' if dry_run else 'sent'} {len(reactions)}, refused {len(refused)}")
    raise typer.Exit(1 if refused else 0)


def read(file: Path, tenant: str | None = None) -> Iterator[Line]:
    """Every line of a CSV or JSON lines file."""
    for number, row in _rows(file):
        try:
            yield Line(number, reaction(row, tenant))
        except (InvalidEvent, Rejected) as error:
            yield Line(number, error=error.message)
        except orjson.JSONDecodeError as error:
            yield Line(number, error=f"expected a JSON object, got {error}")


def reaction(row: str | Mapping[str, str], tenant: str | None) -> Feedback:
    """A `history` event; its id follows from what the line says, so a repeat counts once.

    Raises InvalidEvent, Rejected `bad_line`, and JSONDecodeError for a line that is no JSON.
    """
    fields = orjson.loads(row) if isinstance(row, str) else row
    if not isinstance(fields, Mapping):
        raise Rejected(
            "bad_line",
            f"expected an object with user, text or genre, and signal, got {fields!r:.40}",
        )
    event = {
        "user_id": fields.get("user"),
        "tenant": fields.get("tenant") or tenant,
        "kind": "history",
        "text": fields.get("text") or None,
        "genre": fields.get("genre") or None,
        "time": fields.get("time") or None,
        "value": liking(fields.get("signal")),
    }
    known = {name: value for name, value in event.items() if value is not None}
    identity = blake2b(orjson.dumps(known, option=orjson.OPT_SORT_KEYS), digest_size=16).hexdigest()
    return checked(Feedback, known | {"feedback_id": f"history-{identity}"})


def liking(signal: object) -> float:
    """0 to 1.

    >>> liking("like"), liking("rating:4"), liking("0.3")
    (1.0, 0.75, 0.3)
    """
    word = str(signal).strip().lower()
    if word in LIKINGS:
        return LIKINGS[word]
    kind, _, number = word.rpartition(":")
    try:
        value = (float(number) - 1) / 4 if kind == "rating" else float(word)
    except ValueError:
        value = -1.0
    if 0 <= value <= 1:
        return value
    raise Rejected(
        "bad_line",
        f"expected a signal ({', '.join(LIKINGS)}, rating:1-5 or 0 to 1), got {word!r:.40}",
    )


def _rows(file: Path) -> Iterator[tuple[int, str | Mapping[str, str]]]:
    with file.open(encoding="utf-8", newline="") as stream:
        if file.suffix == ".csv":
            for number, row in enumerate(csv.DictReader(stream), 2):
                yield number, row
        else:
            for number, line in enumerate(stream, 1):
                if line.strip():
                    yield number, line


async def _send(reactions: list[Feedback]) -> None:
    async with Client(settings()) as client:
        for start in range(0, len(reactions), _AT_ONCE):
            await asyncio.gather(*map(client.rate, reactions[start : start + _AT_ONCE]))
