"""`genre safety`: what the gate thinks of requests and texts, and tuning what tells harm."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import Annotated, Any

import msgspec
import typer

from agents.commands.bar import bar
from agents.commands.classify import Unread, lines, text_of
from agents.commands.terminal import say
from genre_models.classification.languages import LanguageIdentifier
from genre_models.encoder import SentenceEncoder
from genre_models.multilingual import MultilingualEncoder
from genre_models.safety import Judgement, Policy, SafetyGate, load_score, score
from schemas.errors import ModelError
from streams.settings import Settings

cli = typer.Typer(help="Try what is declined; tune what tells harm.", no_args_is_help=True)

_BATCH = 32
_SHOWN = 48  # characters of a text in the table


@cli.callback()
def safety() -> None:
    """Try what is declined; tune what tells harm."""


@cli.command()
def tune() -> None:
    """Make second opinions on harm where there are none: two hours on two cores.

    An encoder is tuned for English, another one for other languages. Workers hear them as soon as
    they are there, without a restart. `genre up` runs this in the background.
    """
    settings, cores = Settings.from_environment(), len(os.sched_getaffinity(0))
    encoder = SentenceEncoder.load(settings.models / "encoder", threads=cores)
    multilingual = MultilingualEncoder(settings.models / "multilingual", cores)
    try:
        with bar("second opinions"):
            score.tune(settings.models, encoder, multilingual)
    except OSError as error:
        raise ModelError(
            "not_kept", f"expected to keep second opinions in {settings.models}, got {error}"
        ) from error
    say("second opinions: ready")


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
    where something is declined. A line that is none gets one with an `error`.
    """
    settings = Settings.from_environment()
    encoder = SentenceEncoder.load(settings.models / "encoder", threads=settings.model_threads)
    scores = load_score(
        settings.models,
        encoder,
        MultilingualEncoder(settings.models / "multilingual", settings.model_threads),
    )
    gate = SafetyGate(scores, Policy.load(settings.policy_file))
    languages = LanguageIdentifier()
    declined = False
    for batch in _batches(map(text_of, texts or lines(sys.stdin.buffer))):
        given = [each for each in batch if isinstance(each, str)]
        found = iter(
            gate.requests(given, tenant=tenant, foreign=languages.foreign(given))
            if genre is None
            else gate.texts(given, [genre] * len(given), tenant=tenant)
        )
        for each in batch:
            if isinstance(each, Unread):
                say(_unread(each, as_json=json))
                continue
            judgement = next(found)
            declined |= judgement.action == "decline"
            say(_told(each, judgement, as_json=json))
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


def _unread(found: Unread, *, as_json: bool) -> str:
    if as_json:
        return msgspec.json.encode({"error": msgspec.to_builtins(found)}).decode()
    return f"error    {found.code}: {found.message}"


def _batches(read: Iterator[str | Unread]) -> Iterator[list[str | Unread]]:
    batch: list[str | Unread] = []
    for each in read:
        batch.append(each)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
