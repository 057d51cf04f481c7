"""The train role: what is kept, what is ordered, and what an erased user leaves behind."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agents.genres.registry import Registry
from agents.train import workshop as workshops
from agents.train.train import forget, train
from agents.train.workshop import Workshop, order_of, perform
from genre_models.training.order import Order
from genre_models.training.texts.store import TextStore
from schemas.adapters import AdapterEvent
from schemas.progress import Progress
from schemas.training import TrainingEvent
from schemas.users import UserCommand
from streams.settings import Settings
from tests.agents.deliveries import NOW, delivered, events, stream
from tests.agents.genres.test_registry import HAIKU

TRAIN = TrainingEvent(kind="train", genre="haiku", job="j1")


def text(words: str, **known: Any) -> TrainingEvent:
    return TrainingEvent(kind="text", genre="haiku", text=words, **known)


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    settings = Settings(
        models=tmp_path / "models",
        adapters=tmp_path / "adapters",
        corpora=tmp_path / "sent",
        train_from="acme",
    )
    return Workshop(settings=settings, registry=Registry(), texts=TextStore(settings.corpora))


async def handled(shop: Workshop, *given: TrainingEvent) -> list[Any]:
    return await events(
        train(stream(delivered(each, offset) for offset, each in enumerate(given)), shop)
    )


async def test_a_text_is_kept_once_for_its_tenant_and_genre(shop: Workshop) -> None:
    told = await handled(
        shop, text("an old pond"), text("an old  pond "), text("an old pond", tenant="acme")
    )
    assert told == []
    assert [sent.text for sent in shop.texts.texts("haiku", None)] == ["an old pond"]
    assert (
        TextStore(shop.settings.corpora).texts("haiku", "acme")
        == shop.texts.texts("haiku", "acme")
        != []
    )


async def test_an_order_is_remembered_once_also_by_the_next_process(shop: Workshop) -> None:
    (told,) = await handled(shop, TRAIN, TRAIN)
    assert (told.state, told.job, told.genre) == ("waiting", "j1", "haiku")
    again = replace_texts(shop)
    assert await handled(again, TRAIN) == []
    assert len(list((shop.settings.corpora / "jobs").glob("*.json"))) == 1


def replace_texts(shop: Workshop) -> Workshop:
    """The same workshop in another process."""
    return Workshop(
        settings=shop.settings, registry=Registry(), texts=TextStore(shop.settings.corpora)
    )


async def test_a_genre_that_comes_with_genre_keeps_its_family_and_words(shop: Workshop) -> None:
    order = order_of(replace(TRAIN, genre="joke", family="verse"), "j", shop.settings, shop.texts)
    assert (order.family, "jokes" in order.instruction) == ("humour", True)
    await handled(shop, text("an old pond", family="verse"))
    assert order_of(TRAIN, "j", shop.settings, shop.texts).family == "verse"
    assert order_of(replace(TRAIN, genre="ode"), "j", shop.settings, shop.texts).family == "ode"


@pytest.mark.parametrize("given", ["a/b", "x" * 300, "job-7"])
async def test_an_order_without_a_job_has_a_valid_one_whatever_the_records_id(
    shop: Workshop, given: str
) -> None:
    asked = replace(delivered(TrainingEvent(kind="train", genre="haiku"), 4), id=given)
    (told,) = await events(train(stream([asked]), shop))
    assert isinstance(told, Progress)
    assert told.job == (given if given == "job-7" else "genre.training-0-4")


async def test_enough_texts_of_users_order_a_new_version_where_the_tenant_has_opted_in(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workshops, "AGAIN", 3)
    written = [text(f"line {number}", tenant="acme", user_id="ada") for number in range(7)]
    told = await handled(shop, *written)
    assert [each.state for each in told] == ["waiting", "waiting"]
    assert await handled(shop, *[replace(each, tenant=None) for each in written]) == []
    assert await handled(shop, *written) == []


async def test_an_erased_users_texts_are_dropped_and_versions_that_hold_them_say_so(
    shop: Workshop,
) -> None:
    registry, erase = (
        shop.registry,
        delivered(UserCommand(user_id="ada", kind="erase"), time=NOW + 10),
    )
    registry.apply(HAIKU.name, HAIKU)
    await handled(shop, text("hers", user_id="ada"), text("his", user_id="ben"))
    assert shop.texts.attribute(HAIKU.name, {"ada", "ben"}, NOW) == 0
    (said,) = await events(forget(stream([erase]), shop.texts, registry))
    assert isinstance(said, AdapterEvent)
    assert (said.name, said.kind, said.erased) == (HAIKU.name, "published", 1)
    assert [sent.text for sent in shop.texts.texts("haiku", None)] == ["his"]
    assert await events(forget(stream([erase]), shop.texts, registry)) == []
    await handled(shop, text("hers, late", user_id="ada"))
    assert [sent.text for sent in shop.texts.texts("haiku", None)] == ["his"]
    kept = b"".join(file.read_bytes() for file in shop.settings.corpora.glob("contributors/*"))
    assert b"ada" not in kept


async def test_a_user_who_is_erased_while_training_counts(shop: Workshop) -> None:
    shop.texts.erase("ada", NOW)
    assert shop.texts.attribute("haiku@000000000000", {"ada"}, NOW - 60) == 1
    assert shop.texts.attribute("haiku@000000000001", {"ada"}, NOW + 60) == 0


async def ended(shop: Workshop, count: int) -> list[Any]:
    told: list[Any] = []
    done = asyncio.Event()

    async def publish(event: object) -> None:
        told.append(event)
        if sum(getattr(each, "state", None) in workshops.ENDS for each in told) == count:
            done.set()

    working = asyncio.create_task(shop.run(publish))
    await asyncio.wait_for(done.wait(), 60)
    while list((shop.settings.corpora / "jobs").glob("*.json")):
        await asyncio.sleep(0.01)
    await stopped(working)
    return told


async def stopped(working: asyncio.Task[None]) -> None:
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)


async def test_a_training_that_cannot_be_done_says_why_and_is_over(shop: Workshop) -> None:
    await handled(shop, text("too little of it"), TRAIN)
    *_, last = await ended(shop, 1)
    assert isinstance(last, Progress)
    assert (last.state, last.code) == ("rejected", "too_few_texts")
    assert "send 99 more" in (last.message or "")
    assert list((shop.settings.corpora / "jobs").glob("*.json")) == []
    assert await handled(replace_texts(shop), TRAIN) == []


async def test_an_order_that_a_kill_cut_short_is_begun_again(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[str] = []

    async def stuck(order: Order):  # type: ignore[no-untyped-def]
        begun.append(order.job)
        yield order.progress("preparing")
        await asyncio.sleep(60)

    monkeypatch.setattr(workshops, "perform", stuck)
    await handled(shop, TRAIN)
    working = asyncio.create_task(shop.run(lambda _: asyncio.sleep(0)))
    await asyncio.sleep(0.1)
    await stopped(working)
    monkeypatch.undo()
    *_, last = await ended(replace_texts(shop), 1)
    assert begun == ["j1"] and last.job == "j1"


async def test_a_training_process_that_dies_is_told(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.executable", "/bin/false")
    order = order_of(TRAIN, "j", shop.settings, shop.texts)
    (last,) = [progress async for progress in perform(order)]
    assert (last.state, last.code) == ("failed", "training_failed")
    assert msgspec.json.encode(last)
