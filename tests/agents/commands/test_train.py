"""`genre train --from`: the same texts and requests with Kafka as without."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from agents.commands import train as command
from agents.train.train import train
from agents.train.workshop import Workshop
from genre_models.training.order import Order
from genre_models.training.texts.examples import make_examples
from genre_models.training.texts.material import gather
from genre_models.training.texts.store import SentText, TextStore
from schemas.errors import GenreError
from schemas.training import TrainingEvent
from streams.settings import Settings
from streams.wire.codecs import decode, encode
from tests.agents.deliveries import delivered, events, stream
from tests.agents.train.conftest import shop
from tests.genre_models.tiny import make_tokenizer
from tests.genre_models.training.conftest import lines

__all__ = ["shop"]
DONE = {"kind": "training", "state": "published", "genre": "haiku", "step": 0, "steps": 0}
ODD = [
    {"text": "half \ud83d an emoji", "document": "https://example.com/1"},
    {"text": "half  an emoji", "document": "https://example.com/2"},
    {"text": "a \u0000 and a \u200b", "document": "x" * 300},
    {"text": "x" * (256 * 1024), "request": " "},
    {"text": "x" * (256 * 1024 + 1)},
    {"text": " \n "},
    {"instruction": "a haiku", "input": "about ponds", "output": "An old silent pond"},
    {"messages": [{"role": "user", "content": "a frog"}, {"role": "assistant", "content": "Hop."}]},
]


class Kafka:
    """Keeps what would be published, and tells that the training has ended."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.published: list[TrainingEvent] = []
        monkeypatch.setattr(command, "Client", lambda settings: self)
        monkeypatch.setattr(command, "read", self._progress)

    async def __aenter__(self) -> Kafka:
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    async def publish(self, event: TrainingEvent) -> None:
        self.published.append(decode(encode(event), TrainingEvent))

    async def _progress(self, *_: object, **__: object) -> AsyncIterator[Any]:
        yield SimpleNamespace(value=json.dumps(DONE | {"job": self.published[-1].job}).encode())


def run(*arguments: str) -> Any:
    alone = typer.Typer()
    alone.command()(command.train)
    return CliRunner().invoke(alone, ["haiku", *arguments, "--json"])


def here(monkeypatch: pytest.MonkeyPatch, corpora: Path, *arguments: str) -> Any:
    async def perform(order: Order, within: float) -> AsyncIterator[Any]:
        yield replace(order.progress("waiting"), state="published")

    monkeypatch.setattr(command, "settings", lambda: Settings(corpora=corpora))
    monkeypatch.setattr(command, "perform", perform)
    return run(*arguments, "--local")


def kept(store: TextStore) -> list[SentText]:
    return [replace(text, time=0.0) for text in store.texts("haiku", None)]


async def both(
    monkeypatch: pytest.MonkeyPatch, shop: Workshop, folder: Path, file: Path
) -> tuple[TextStore, TextStore]:
    """(as the train role keeps it, as --local does)."""
    import asyncio

    kafka = Kafka(monkeypatch)
    result = await asyncio.to_thread(run, "--from", str(file))
    assert result.exit_code == 0, result.output
    sent = (delivered(event, offset) for offset, event in enumerate(kafka.published))
    await events(train(stream(sent), shop))
    result = await asyncio.to_thread(here, monkeypatch, folder, "--from", str(file))
    assert result.exit_code == 0, result.output
    return shop.texts, TextStore(folder)


async def test_the_same_texts_are_kept_with_kafka_and_without(
    monkeypatch: pytest.MonkeyPatch, shop: Workshop, tmp_path: Path
) -> None:
    file = tmp_path / "odd.jsonl"
    file.write_text("\n".join(map(json.dumps, ODD)))
    sent, local = await both(monkeypatch, shop, tmp_path / "local", file)
    assert kept(sent) == kept(local)
    known = {text.text[:20]: text for text in kept(local)}
    assert len(known) == 5
    assert known["half  an emoji"].document == "https:--example.com-1"
    assert known["An old silent pond"].request == "a haiku\n\nabout ponds"


async def test_the_trainer_is_asked_what_people_asked(
    monkeypatch: pytest.MonkeyPatch, shop: Workshop, tmp_path: Path
) -> None:
    file, asked = tmp_path / "pairs.csv", {}
    for number, line in enumerate(dict.fromkeys(lines(400))):
        asked[line] = f"Please, number {number}: what do you see there?"
    rows = [f'"{request}","{text}"' for text, request in asked.items()]
    file.write_text("\n".join(["Prompt,Completion", *rows]))
    tokenizer = make_tokenizer()
    sent, local = await both(monkeypatch, shop, tmp_path / "local", file)
    assert kept(sent) == kept(local)
    texts = str(sent.path("haiku", None))
    corpus, _ = gather(Order(job="j", genre="haiku", texts=texts, models="", store=""))
    examples = make_examples(tokenizer, "Write.", corpus.training, 1)
    for text, example in zip(corpus.training, examples, strict=True):
        assert asked[text.text] in tokenizer.decode(example.ids[: example.start])


@pytest.mark.parametrize("way", ["kafka", "local"])
def test_what_is_refused_is_refused_before_anything_is_sent(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, way: str
) -> None:
    file, kafka = tmp_path / "a.jsonl", Kafka(monkeypatch)
    file.write_text('{"text": "one"}\n{"text": null}\n')
    given = ("--from", str(file))
    result = run(*given) if way == "kafka" else here(monkeypatch, tmp_path / "local", *given)
    with pytest.raises(GenreError, match=r"line 2 of a\.jsonl"):
        raise result.exception
    assert kafka.published == [] and not (tmp_path / "local").exists()
