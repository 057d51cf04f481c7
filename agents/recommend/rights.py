"""rights: users decide about their own data, rows obey, and erased data is gone for readers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

from agents.genres.registry import Registry
from agents.recommend.ledger import Case, Ledger
from genre_models.preferences.rights import erased, with_consent, with_exploration
from schemas.keys import key_of
from schemas.users import UserCommand
from streams.worker.delivery import Delivery, Outputs, Tombstone


async def rights(
    commands: AsyncIterator[Delivery[UserCommand]], ledger: Ledger, registry: Registry
) -> Outputs:
    """Obey every command; repeating one changes nothing."""
    async for delivery in commands:
        with delivery as command:
            if command.kind == "erase":
                await _bury(ledger, delivery)
            obey(ledger, delivery)
            if command.kind == "erase":
                for tombstone in traces(key_of(command), registry, command.tenant):
                    yield delivery.output(tombstone)
                ledger.scrub()
                _tell_again(ledger, delivery)


async def _bury(ledger: Ledger, delivery: Delivery[UserCommand]) -> None:
    """Delete the user's decisions before the headstone takes the place of the row that names them.

    The two tables have two changelogs: once a headstone stands in one, whatever a kill kept from
    the other would be left there for ever. Meanwhile other agents may open more.
    """
    case, buried = ledger.case(delivery), None
    while not case.is_applied and case.row.decisions != buried:
        buried = case.row.decisions
        case.forget()
        await ledger.flush()
        case = ledger.case(delivery)


def _tell_again(ledger: Ledger, delivery: Delivery[UserCommand]) -> None:
    """An erase that is delivered again deletes a profile that tells what was learned since."""
    case = ledger.case(delivery)
    if case.row.reactions:
        case.tell()


def obey(ledger: Ledger, delivery: Delivery[UserCommand]) -> None:
    """Change the user's row as the command says.

    An erase that is delivered again takes nothing that was learned since.
    """
    case = ledger.case(delivery)
    if not case.is_applied:
        _apply(case, delivery)
    case.keep()
    if delivery.event.kind != "erase":
        case.tell()


def _apply(case: Case, delivery: Delivery[UserCommand]) -> None:
    command = delivery.event
    match command.kind:
        case "erase":
            headstone = erased(case.row, int(delivery.happened.timestamp()))
            case.row = replace(headstone, decisions=case.forget())
        case "consent":
            case.row = with_consent(case.row, bool(command.allowed))
        case "explore":
            case.row = with_exploration(case.row, bool(command.allowed))


def traces(key: str, registry: Registry, tenant: str | None) -> Iterator[Tombstone]:
    """Tombstones for all of a user on compacted topics, also corrections to genres since gone."""
    yield Tombstone(topic="preferences", key=key)
    genres = {*registry.taxonomy(tenant).genres, *(event.genre for event in registry.events())}
    for genre in sorted(genres):
        yield Tombstone(topic="corrections", key=f"{key}/{genre}")
