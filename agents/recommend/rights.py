"""rights: what users decide about their own data comes in; their rows obey, and erased data is gone
for readers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

from agents.genres.registry import Registry
from agents.recommend.ledger import MARKS, Ledger
from agents.recommend.profiles import Profiles
from genre_models.preferences.rights import erased, with_consent, with_exploration
from genre_models.preferences.row import UserRow
from schemas.keys import key_of
from schemas.users import UserCommand
from streams.worker.delivery import Delivery, Outputs, Tombstone


async def rights(
    commands: AsyncIterator[Delivery[UserCommand]],
    ledger: Ledger,
    profiles: Profiles,
    registry: Registry,
) -> Outputs:
    """Obey every command; repeating one changes nothing."""
    async for delivery in commands:
        with delivery as command:
            obey(ledger, delivery)
            if command.kind == "erase":
                profiles.forget(key_of(command))
                for tombstone in traces(key_of(command), registry, command.tenant):
                    yield delivery.output(tombstone)
            else:
                profiles.note(command.user_id, command.tenant)


def obey(ledger: Ledger, delivery: Delivery[UserCommand]) -> None:
    """Change the user's row as the command says. An erase that is delivered again takes nothing
    learned since."""
    key, mark = key_of(delivery.event), (MARKS["users"], delivery.source.offset, ledger.incarnation)
    row = ledger.user(key)
    ledger.keep(
        key,
        row if row.is_applied(*mark) else _obedient(ledger, key, row.marked(*mark), delivery),
        old=row,
    )


def _obedient(ledger: Ledger, key: str, row: UserRow, delivery: Delivery[UserCommand]) -> UserRow:
    command = delivery.event
    match command.kind:
        case "erase":
            unanswered = ledger.forget(key, row)
            moment = command.time.timestamp() if command.time else delivery.source.timestamp
            return replace(
                erased(row, int(min(moment, delivery.source.timestamp))), decisions=unanswered
            )
        case "consent":
            return with_consent(row, bool(command.allowed))
        case "explore":
            return with_exploration(row, bool(command.allowed))


def traces(key: str, registry: Registry, tenant: str | None) -> Iterator[Tombstone]:
    """Tombstones for everything about a user on compacted topics: corrections also to genres that
    are gone by now."""
    yield Tombstone(topic="preferences", key=key)
    for genre in sorted(
        {*registry.taxonomy(tenant).genres, *(event.genre for event in registry.events())}
    ):
        yield Tombstone(topic="corrections", key=f"{key}/{genre}")
