"""train: texts are kept, a wish to train becomes an adapter, an erased user's texts are dropped."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

from agents.genres.registry import Registry
from agents.train.workshop import Workshop, refused
from genre_models.training.order import Order, failure_code
from genre_models.training.texts.store import TextStore
from schemas.errors import NotReady, discreet
from schemas.fields import Id
from schemas.keys import user_key
from schemas.training import TrainingEvent
from schemas.users import UserCommand
from streams.worker.delivery import Delivery, Outputs


async def train(events: AsyncIterator[Delivery[TrainingEvent]], workshop: Workshop) -> Outputs:
    """Keep each text and remember each order once, on disk, before the event is acknowledged."""
    async for delivery in events:
        with delivery as event:
            workshop.tenants.check(event.tenant)
            job = event.job or delivery.given_id(Id)
            try:
                order = (
                    workshop.ask(event, job) if event.kind == "train" else _kept(delivery, workshop)
                )
                told = order.progress("waiting") if order is not None else None
            except OSError as error:
                if event.kind == "text":
                    raise NotReady(failure_code(error, "not_kept"), discreet(error)) from error
                told = refused(event, job, error)
            if told is not None:
                yield delivery.output(told)


def _kept(delivery: Delivery[TrainingEvent], workshop: Workshop) -> Order | None:
    """Keep a text, or drop one that its user takes back.

    An order where a tenant's users have written enough since the last one.
    """
    event = delivery.event
    user = user_key(event.user_id, event.tenant) if event.user_id else None
    if event.kind == "retract":
        workshop.texts.retract(event, user=user or "")
        return None
    new = workshop.texts.add(event, user=user, time=delivery.happened.timestamp())
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
    command, moment = delivery.event, delivery.happened.timestamp()
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
