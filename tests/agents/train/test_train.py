"""The train role: what is kept, what is ordered, and what an erased user leaves behind."""

from __future__ import annotations

import errno
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256

import pytest

from agents.tenants import Tenants
from agents.train import workshop as workshops
from agents.train.train import forget, train
from agents.train.workshop import Workshop
from genre_models.training.texts.store import TextStore
from schemas.adapters import AdapterEvent, Lineage
from schemas.progress import Progress
from schemas.training import TrainingEvent
from schemas.users import UserCommand
from tests.agents.deliveries import NOW, delivered, events, stream
from tests.agents.genres.test_registry import HAIKU
from tests.agents.train.conftest import TRAIN, handled, replace_texts, text


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


async def test_a_text_that_is_taken_back_is_dropped_also_when_both_are_delivered_again(
    shop: Workshop,
) -> None:
    digest = sha256(b"hers").hexdigest()
    back = TrainingEvent(kind="retract", genre="haiku", user_id="ada", digest=digest)
    for _ in range(2):
        assert (
            await handled(shop, text("hers", user_id="ada"), text("his", user_id="ben"), back) == []
        )
        assert [sent.text for sent in shop.texts.texts("haiku", None)] == ["his"]


async def test_an_order_is_remembered_once_also_by_the_next_process(shop: Workshop) -> None:
    (told,) = await handled(shop, TRAIN, TRAIN)
    assert (told.state, told.job, told.genre) == ("waiting", "j1", "haiku")
    again = replace_texts(shop)
    assert await handled(again, TRAIN) == []
    assert len(list((shop.settings.corpora / "jobs").glob("*.json"))) == 1


@pytest.mark.parametrize("given", ["a/b", "x" * 300, "job-7"])
async def test_an_order_without_a_job_has_a_valid_one_whatever_the_records_id(
    shop: Workshop, given: str
) -> None:
    asked = replace(delivered(TrainingEvent(kind="train", genre="haiku"), 4), id=given)
    (told,) = await events(train(stream([asked]), shop))
    assert isinstance(told, Progress)
    assert told.job == (given if given == "job-7" else "genre.training-0-4-1795000000000")


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


async def test_a_text_for_which_the_disk_has_no_room_is_a_dead_letter_that_says_so(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> bool:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(TextStore, "add", full)
    sent = delivered(text("an old pond"))
    assert await events(train(stream([sent]), shop)) == []
    assert getattr(sent.failure, "code", None) == "disk_full"


async def test_tenants_that_are_not_served_leave_no_text_and_no_order(shop: Workshop) -> None:
    shop.tenants = Tenants(allowed=frozenset({"acme"}))
    said = [delivered(replace(each, tenant="invented")) for each in (text("a pond"), TRAIN)]
    assert await events(train(stream(said), shop)) == []
    assert [getattr(each.failure, "code", None) for each in said] == ["unknown_tenant"] * 2
    assert list(shop.settings.corpora.rglob("*")) == []


async def test_versions_that_went_on_from_one_that_holds_an_erased_users_texts_say_so_too(
    shop: Workshop,
) -> None:
    child, grandchild = (
        replace(HAIKU, name=f"haiku@{digit * 12}", lineage=Lineage(parent=parent))
        for digit, parent in (("a", HAIKU.name), ("b", f"haiku@{'a' * 12}"))
    )
    for event in (grandchild, HAIKU, child):
        shop.registry.apply(event.name, event)
    shop.texts.attribute(HAIKU.name, {"ada"}, NOW)
    # As an earlier version noted it, or nobody did.
    (shop.settings.corpora / "contributors" / f"{child.name}.json").write_text(
        '{"users":["ben"],"erased":0}'
    )
    erase = delivered(UserCommand(user_id="ada", kind="erase"), time=NOW + 10)
    said = await events(forget(stream([erase]), shop.texts, shop.registry))
    assert {each.name: each.erased for each in said if isinstance(each, AdapterEvent)} == {
        HAIKU.name: 1,
        child.name: 1,
        grandchild.name: 1,
    }
    assert await events(forget(stream([erase]), shop.texts, shop.registry)) == []


async def test_a_text_of_before_an_erase_is_not_kept_though_its_record_is_of_afterwards(
    shop: Workshop,
) -> None:
    erase = delivered(UserCommand(user_id="ada", kind="erase"), time=NOW + 10)
    await events(forget(stream([erase]), shop.texts, shop.registry))
    wrote = datetime.fromtimestamp(NOW + 5, UTC)
    late = [
        delivered(text("hers, late", user_id="ada", time=wrote), 1, time=NOW + 20),
        delivered(text("hers, anew", user_id="ada"), 2, time=NOW + 20),
    ]
    await events(train(stream(late), shop))
    assert [sent.text for sent in shop.texts.texts("haiku", None)] == ["hers, anew"]


async def test_who_withdraws_consent_takes_their_texts_out_of_the_training(shop: Workshop) -> None:
    shop.registry.apply(HAIKU.name, HAIKU)
    await handled(shop, text("hers", user_id="ada"), text("his", user_id="ben"))
    shop.texts.attribute(HAIKU.name, {"ada", "ben"}, NOW)
    withdrawn = delivered(UserCommand(user_id="ada", kind="consent", allowed=False), time=NOW + 10)
    (said,) = await events(forget(stream([withdrawn]), shop.texts, shop.registry))
    assert isinstance(said, AdapterEvent) and said.erased == 1
    await handled(shop, text("hers, sent later", user_id="ada"))
    assert [sent.text for sent in shop.texts.texts("haiku", None)] == ["his"]
    explored = delivered(UserCommand(user_id="ben", kind="explore", allowed=False), time=NOW + 10)
    given = delivered(UserCommand(user_id="ben", kind="consent", allowed=True), time=NOW + 10)
    assert await events(forget(stream([explored, given]), shop.texts, shop.registry)) == []
    assert [sent.text for sent in shop.texts.texts("haiku", None)] == ["his"]
