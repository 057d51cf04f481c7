"""`genre train GENRE --from FILE`: send texts, train an adapter, and watch."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing
from typing import Annotated

import msgspec
import typer

from agents.commands.setup import checked, print_json, settings
from agents.commands.terminal import console, say
from agents.train.workshop import ENDS, order_of, perform
from genre_models.training.texts.sources import read_source
from genre_models.training.texts.store import TextStore
from schemas.errors import InvalidEvent, Rejected
from schemas.progress import Progress
from schemas.training import TrainingEvent
from streams.clients.client import Client
from streams.clients.reader import read
from streams.settings import Settings
from streams.wire.codecs import decode

_AT_ONCE = 200


def train(
    genre: Annotated[
        str, typer.Argument(help="The genre's id: lower-case letters, digits and '_'.")
    ],
    source: Annotated[
        str | None,
        typer.Option(
            "--from",
            help="A .jsonl, .json, .csv, .tsv, .txt or .parquet file (also .gz), "
            "a folder of .txt files, or datasets:NAME.",
        ),
    ] = None,
    column: Annotated[
        str | None, typer.Option(help="Its column or field of texts, where that has another name.")
    ] = None,
    family: Annotated[
        str | None, typer.Option(help="The family of a new genre, for instance 'humour'.")
    ] = None,
    description: Annotated[
        str | None, typer.Option(help="One line that describes a new genre.")
    ] = None,
    instruction: Annotated[
        str | None, typer.Option(help="How a model is told to write a new genre.")
    ] = None,
    request: Annotated[
        list[str] | None, typer.Option(help="How people ask for it; may repeat.")
    ] = None,
    licence: Annotated[str | None, typer.Option(help="Of the texts.")] = None,
    tenant: Annotated[
        str | None, typer.Option(help="Only this tenant's requests may use it.")
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(help="Passes over the texts at most, 1-10 [3].")
    ] = None,
    local: Annotated[
        bool, typer.Option("--local", help="Without Kafka: train here, into this machine's store.")
    ] = False,
    json: Annotated[
        bool, typer.Option("--json", help="One line of JSON for each step that is told.")
    ] = False,
) -> None:
    """Train an adapter for a genre from your texts.

    Exit code 1 when it is rejected; Ctrl-C leaves a training on Kafka running.
    """
    wish = {
        "kind": "train",
        "genre": genre,
        "family": family,
        "tenant": tenant,
        "description": description,
        "instruction": instruction,
        "requests": request or [],
        "licence": licence,
        "epochs": epochs,
        "job": uuid.uuid4().hex,
    }
    event = checked(TrainingEvent, wish)
    texts = [] if source is None else list(texts_of(event, source, column))
    if source is not None and not texts:
        raise Rejected("no_source", f"Expected texts in {source}, got none.")
    told = _here(settings(), event, texts) if local else _there(settings(), event, texts)
    try:
        last = asyncio.run(_shown(told, json))
    except KeyboardInterrupt:
        done = (
            "stopped; the texts are kept"
            if local
            else f"the training {event.job} goes on; see `genre tail progress`"
        )
        say(done, err=True)
        raise typer.Exit(130) from None
    raise typer.Exit(0 if last is not None and last.state == "published" else 1)


async def _there(
    given: Settings, event: TrainingEvent, texts: list[TrainingEvent]
) -> AsyncGenerator[Progress, None]:
    """Publish the texts and the wish, and yield what the train role tells of it."""
    async with Client(given) as client:
        for start in range(0, len(texts), _AT_ONCE):
            await asyncio.gather(
                *(client.publish(text) for text in texts[start : start + _AT_ONCE])
            )
        await client.publish(event)
    # From the beginning: the end would move on while it is looked up.
    async with aclosing(read(given, given.topic("progress"), follow=True)) as records:
        async for record in records:
            try:
                progress = decode(record.value, Progress)
            except InvalidEvent:
                continue
            if progress.job == event.job:
                yield progress
                if progress.state in ENDS:
                    return


async def _here(
    given: Settings, event: TrainingEvent, texts: list[TrainingEvent]
) -> AsyncGenerator[Progress, None]:
    """Keep the texts and train in a process of this command."""
    store = TextStore(given.corpora)
    for text in texts:
        store.add(text, user=None, time=0.0)
    order = order_of(event, event.job or "", given, store)
    async with aclosing(perform(order, given.training_hours * 3600)) as steps:
        async for progress in steps:
            yield progress


async def _shown(told: AsyncIterator[Progress], json: bool) -> Progress | None:
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
    from rich.progress import Progress as Bar

    last = None
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[said]}", markup=False),
    )
    with Bar(*columns, console=console(stderr=True), disable=json) as bar:
        task = bar.add_task("waiting", total=None, said="")
        async for last in told:
            if json:
                print_json(msgspec.to_builtins(last))
            total, done = (last.steps, last.step) if last.steps else (None, None)
            bar.update(
                task, description=last.state or "", said=_numbers(last), total=total, completed=done
            )
    if last is not None and not json:
        say(_end(last))
    return last


def _numbers(progress: Progress) -> str:
    if progress.loss is None:
        return ""
    return (
        f"loss {progress.loss:.2f}, held-out perplexity {progress.held_out_perplexity:.1f}, "
        f"{progress.tokens_per_second:.0f} tokens/s, {progress.seconds_left:.0f} s left"
    )


def _end(progress: Progress) -> str:
    if progress.state == "published":
        return f"{progress.adapter} is published. {progress.message or ''}".strip()
    return f"{progress.state} ({progress.code}): {progress.message}"


def texts_of(event: TrainingEvent, source: str, column: str | None) -> Iterator[TrainingEvent]:
    """The texts of a source as events, as the train role would read them.

    Without Kafka too, so that both ways keep the same. Raises Rejected, and InvalidEvent with where
    it stands.
    """
    for each in read_source(source, column, lambda note: say(note, err=True)):
        fields = {
            "kind": "text",
            "genre": event.genre,
            "family": event.family,
            "tenant": event.tenant,
            "text": each.text,
            "request": each.request,
            "document": each.document,
        }
        try:
            yield checked(TrainingEvent, fields)
        except InvalidEvent as error:
            raise InvalidEvent(error.code, f"{each.place}: {error.message}") from error
