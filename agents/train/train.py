"""train: texts are kept, a wish to train becomes an adapter, an erased user's texts are dropped."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

from agents.genres.registry import Registry
from agents.train.workshop import Workshop
from genre_models.training.order import Order
from genre_models.training.texts.store import TextStore
from schemas.fields import Id
from schemas.keys import user_key
from schemas.training import TrainingEvent
from schemas.users import UserCommand
from streams.worker.delivery import Delivery, Outputs


async def train(events: AsyncIterator[Delivery[TrainingEvent]], workshop: Workshop) -> Outputs:
    """Keep each text and remember each order once, on disk, before the event is acknowledged."""
    async for delivery in events:
        with delivery as event:
            if event.kind == "train":
                order = workshop.ask(event, event.job or delivery.given_id(Id))
            else:
                order = _kept(delivery, workshop)
            if order is not None:
                yield delivery.output(order.progress("waiting"))


def _kept(delivery: Delivery[TrainingEvent], workshop: Workshop) -> Order | None:
    """Keep a text; an order where a tenant's users have written enough since the last one."""
    event = delivery.event
    user = user_key(event.user_id, event.tenant) if event.user_id else None
    new = workshop.texts.add(event, user=user, time=_moment(delivery))
    if not new or user is None or not workshop.settings.trains_from(event.tenant):
        return None
    return workshop.ask_again(event.genre, event.tenant)


async def forget(
    commands: AsyncIterator[Delivery[UserCommand]], texts: TextStore, registry: Registry
) -> Outputs:
    """Drop the texts of users who are erased or withdraw consent.

    Says of each adapter how many such users' texts it, or one that it went on from, still holds.
    """
    async for delivery in commands:
        with delivery as command:
            if not _dropped(delivery, texts):
                continue
            user = user_key(command.user_id, command.tenant)
            for name, parent in registry.lineage():
                event = registry.newest(name)
                texts.inherit(name, parent, event.erased if event else 0)
            for name, known in texts.holding(user).items():
                event = registry.newest(name)
                if event is not None:
                    yield delivery.output(replace(event, erased=known.erased + 1))
            # After the events stand in Kafka: a kill in between says it twice, never not at all.
            texts.disown(user)


def _dropped(delivery: Delivery[UserCommand], texts: TextStore) -> bool:
    """Take the user's texts away where the command says so; whether it does."""
    command, moment = delivery.event, _moment(delivery)
    user = user_key(command.user_id, command.tenant)
    match command.kind, command.allowed:
        case "erase", _:
            texts.erase(user, moment)
        case "consent", False:
            texts.refuse(user, moment)
        case "consent", True:
            texts.accept(user, moment)
            return False
        case _:
            return False
    return True


def _moment(delivery: Delivery[TrainingEvent] | Delivery[UserCommand]) -> float:
    """The moment named, at most the record's: a clock that is ahead would silence the future."""
    wished = delivery.event.time.timestamp() if delivery.event.time else delivery.source.timestamp
    return min(wished, delivery.source.timestamp)
