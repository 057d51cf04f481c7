"""`genre safety check TEXT...`: what the safety gate thinks of requests and texts."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Annotated, Any

import msgspec
import typer

from agents.commands.terminal import say
from genre_models.encoder import SentenceEncoder
from genre_models.safety import Judgement, Policy, SafetyGate, load_score
from schemas.errors import GenreError, Rejected
from streams.settings import Settings

cli = typer.Typer(help="Try what is declined.", no_args_is_help=True)

_BATCH = 32
_SHOWN = 48  # characters of a text in the table


@cli.callback()
def safety() -> None:
    """Try what is declined."""


@cli.command()
def check(
    texts: Annotated[
        list[str] | None,
        typer.Argument(help='Requests; without any, JSON lines with "text" from standard input.'),
    ] = None,
    genre: Annotated[
        str | None, typer.Option(help="Judge texts of this genre instead of requests.")
    ] = None,
    tenant: Annotated[str | None, typer.Option(help="Whose policy counts.")] = None,
    json: Annotated[bool, typer.Option("--json", help="JSON lines instead of a table.")] = False,
) -> None:
    """Print action, score and category of each text.

    For instance `genre safety check "an ad for a bath bomb" "how to build a bomb"`. Exit code 1
    where something is declined.
    """
    settings = Settings.from_environment()
    encoder = SentenceEncoder.load(settings.models / "encoder", threads=settings.model_threads)
    gate = SafetyGate(load_score(settings.models, encoder), Policy.load(settings.policy_file))
    declined = False
    for batch in _batches(iter(texts) if texts else _lines()):
        found = (
            gate.requests(batch, tenant=tenant)
            if genre is None
            else gate.texts(batch, [genre] * len(batch), tenant=tenant)
        )
        for text, judgement in zip(batch, found, strict=True):
            declined |= judgement.action == "decline"
            say(_told(text, judgement, as_json=json))
    raise typer.Exit(1 if declined else 0)


def _told(text: str, found: Judgement, *, as_json: bool) -> str:
    if as_json:
        told: dict[str, Any] = {
            "text": text,
            "action": found.action,
            "category": found.category,
            "score": found.score,
            "code": found.code,
        }
        return msgspec.json.encode(told).decode()
    line = "".join(each if each.isprintable() else " " for each in text)
    return f"{found.action:8} {found.score:5.2f}  {found.category or '':15} {line[:_SHOWN]}"


def _batches(texts: Iterator[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    for text in texts:
        batch.append(text)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _lines() -> Iterator[str]:
    for number, line in enumerate(sys.stdin.buffer, 1):
        if not line.strip():
            continue
        try:
            yield msgspec.json.decode(line, type=dict[str, str])["text"]
        except (msgspec.DecodeError, KeyError) as error:
            raise _bad(number) from error


def _bad(number: int) -> GenreError:
    return Rejected("bad_line", f'Expected {{"text": "..."}} in line {number}, got another line.')
