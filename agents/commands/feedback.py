"""`genre feedback import FILE`: a team's earlier reactions, so that nobody starts cold."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from typing import Annotated

import orjson
import typer

from agents.commands.setup import checked, print_json, settings
from agents.commands.terminal import say
from genre_models.files import Columns, File, rows
from genre_models.files.table import by_folded_names
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
COLUMNS = Columns(
    read=frozenset({"user", "tenant", "text", "genre", "signal", "time"}),
    fit=lambda names: {"user", "signal"} <= names and bool({"text", "genre"} & names),
    expected="columns user, signal, and text or genre",
)
# As spreadsheets write it where numbers have a decimal comma; slashes may mean either order.
_TIMES: tuple[Callable[[str], datetime], ...] = (
    datetime.fromisoformat,
    *(
        lambda time, form=form: datetime.strptime(time, form)
        for form in ("%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M", "%d.%m.%Y")
    ),
)
_SHOWN, _AT_ONCE = 20, 200


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
        Path, typer.Argument(help="A table with a header (.csv, .tsv, .txt), or JSON lines.")
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

    Its columns are user, text or genre, signal, and time (RFC 3339; UTC without an offset) where
    known.

    A signal is like, dislike, click, accept, copy, choose, regenerate, `rating:1` to `rating:5`, or
    a liking from 0 to 1. The same file again changes nothing. Exit code 1 when lines were refused,
    2 when all were.
    """
    given = File.read(file)
    for note in given.notes:
        say(f"{file}: {note}", err=True)
    lines = list(read(given, tenant))
    refused = [line for line in lines if line.feedback is None]
    reactions = [line.feedback for line in lines if line.feedback is not None]
    if not reactions:
        raise Rejected("bad_source", f"Expected reactions in {file}, got {_none_of(lines)}.")
    for line in refused[:_SHOWN]:
        say(f"{file}:{line.number}: {line.error}", err=True)
    if len(refused) > _SHOWN:
        say(f"{file}: and {len(refused) - _SHOWN} more lines like these", err=True)
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
        say(f"{'valid' if dry_run else 'sent'} {len(reactions)}, refused {len(refused)}")
    raise typer.Exit(1 if refused else 0)


def _none_of(lines: list[Line]) -> str:
    if not lines:
        return "a header alone"
    first = f"line {lines[0].number}: {lines[0].error.rstrip('.')}"
    return first if len(lines) == 1 else f"{len(lines)} lines that are none, such as {first}"


def read(file: File, tenant: str | None = None) -> Iterator[Line]:
    """Every reaction of a table or of JSON lines.

    Raises Rejected `bad_source` where what follows cannot be trusted: no such header, a quotation
    mark that is not closed.
    """
    for row in rows(file, COLUMNS):
        try:
            yield Line(row.line, reaction(row.value(), tenant))
        except (InvalidEvent, Rejected) as error:
            yield Line(row.line, error=error.message)


def reaction(row: object, tenant: str | None) -> Feedback:
    """A `history` event; its id follows from what the line says, so a repeat counts once.

    Raises InvalidEvent and Rejected `bad_line`.
    """
    if not isinstance(row, Mapping):
        raise Rejected(
            "bad_line",
            f"expected an object with user, text or genre, and signal, got {row!r:.40}",
        )
    try:
        cells = by_folded_names(row)
    except ValueError as error:
        raise Rejected("bad_line", f"expected each name once, got {error}") from error
    text, time = cells.get("text") or None, _word(cells, "time")
    if not isinstance(text, str | None):
        raise Rejected("bad_line", f"expected a text in text, got {text!r:.40}")
    event = {
        "user_id": _word(cells, "user"),
        "tenant": _word(cells, "tenant") or tenant,
        "kind": "history",
        "text": text,
        "genre": _word(cells, "genre"),
        "time": moment(time) if time else None,
        "value": liking(cells.get("signal")),
    }
    known = {name: value for name, value in event.items() if value is not None}
    identity = blake2b(orjson.dumps(known, option=orjson.OPT_SORT_KEYS), digest_size=16).hexdigest()
    return checked(Feedback, known | {"feedback_id": f"history-{identity}"})


def moment(time: str) -> str:
    """A time as RFC 3339 where it is one without an offset (then of UTC) or a date with dots.

    >>> moment("2026-01-05 10:00"), moment("05.01.2026"), moment("2026-01-05T10:00:00+01:00")
    ('2026-01-05T10:00:00+00:00', '2026-01-05T00:00:00+00:00', '2026-01-05T10:00:00+01:00')
    """
    for parse in _TIMES:
        try:
            known = parse(time)
        except ValueError:
            continue
        return time if known.tzinfo else known.replace(tzinfo=UTC).isoformat()
    return time


def _word(cells: Mapping[str, object], name: str) -> str | None:
    """A cell without outer spaces; None where it is empty. Spreadsheets make numbers of ids."""
    value = cells.get(name)
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise Rejected("bad_line", f"expected a text in {name}, got {value!r:.40}")
    return str(value).strip()


def liking(signal: object) -> float:
    """0 to 1.

    >>> liking("like"), liking("rating:4"), liking("0,3")
    (1.0, 0.75, 0.3)
    """
    word = str(signal).strip().lower().replace(",", ".")
    if word in LIKINGS:
        return LIKINGS[word]
    kind, _, number = word.rpartition(":")
    try:
        value = (float(number) - 1) / 4 if kind == "rating" else float(word)
    except ValueError:
        value = -1.0
    if 0 <= value <= 1:
        return value
    got = "none" if signal is None else f"{word!r:.40}"
    raise Rejected(
        "bad_line", f"expected a signal ({', '.join(LIKINGS)}, rating:1-5 or 0 to 1), got {got}"
    )


async def _send(reactions: list[Feedback]) -> None:
    async with Client(settings()) as client:
        for start in range(0, len(reactions), _AT_ONCE):
            await asyncio.gather(*map(client.rate, reactions[start : start + _AT_ONCE]))
