"""The recommend role: plan, rank, learn and rights over two tables, and the timers beside them. Never imports torch."""

from __future__ import annotations

from agents import learn, plan, rank, rights
from agents.deadlines import Deadlines
from agents.learn import Learner
from agents.ledger import Ledger
from agents.plan import Planner
from agents.populations import Populations
from agents.profiles import Profiles
from agents.rank import Ranker
from agents.registry import Registry
from genre_models.preferences.signals import digest
from streams.app import RoleApp
from streams.follower import Follower
from streams.inbox import home_of
from streams.kafka import cluster_id
from streams.settings import Settings
from streams.tables import table
from streams.topics import BY_NAME


def attach(app: RoleApp) -> None:
    """Declare the tables and bind the agents and timers."""
    settings, registry = app.genre_settings, Registry()
    users, decisions = (table(app, name, settings.partitions) for name in ("preferences", "decisions"))
    populations = Populations(
        users=users,
        partition_of=lambda key: _partition(app, key),
        owned=lambda: _owned(app),
        partitions=settings.partitions,
        counts=app.counts,
    )
    ledger = Ledger(
        users=users,
        decisions=decisions,
        incarnation=0,
        flush=app.flush,
        exchange=populations.exchange,
        counts=app.counts,
    )
    profiles = Profiles(ledger=ledger, registry=registry, prior=populations.prior)
    deadlines = Deadlines(ledger=ledger, owns=lambda key: _owns(app, key))
    planner = Planner(ledger=ledger, profiles=profiles, registry=registry, exploration=settings.exploration)
    plan.attach(app, planner)
    ranker = Ranker(
        ledger=ledger, profiles=profiles, exploration=settings.exploration, evaluated=settings.evaluation_share
    )
    rank.attach(app, ranker)
    learner = Learner(
        ledger=ledger,
        profiles=profiles,
        registry=registry,
        opt_in=settings.learning_opt_in,
        trains_from=settings.trains_from,
    )
    learn.attach(app, learner)
    rights.attach(app, ledger, profiles, registry)

    async def know_the_cluster() -> None:
        ledger.incarnation = await incarnation_of(settings)

    async def recount() -> None:
        ledger.recount()
        populations.recount()

    app.preparations.append(know_the_cluster)
    app.followers.append(Follower(settings, BY_NAME["adapters"], registry.apply))
    app.followers.append(Follower(settings, BY_NAME["population"], populations.apply))
    decisions.on_recover(recount)

    @app.task
    async def answer_the_overdue() -> None:
        await deadlines.run(lambda: app.outbox)

    @app.task
    async def publish_populations() -> None:
        await populations.run(lambda: app.outbox)

    @app.task
    async def publish_profiles() -> None:
        await profiles.run(lambda: app.outbox)


async def incarnation_of(settings: Settings) -> int:
    """What the offsets in a row belong to: this cluster and prefix, or this run of the embedded broker."""
    return digest(settings.incarnation or f"{await cluster_id(settings)}/{settings.prefix}")


def _partition(app: RoleApp, key: str) -> int:
    return home_of(key, app.genre_settings.partitions)


def _owned(app: RoleApp) -> frozenset[int]:
    return frozenset(each.partition for each in app.consumer.assignment()) if app.ready else frozenset()


def _owns(app: RoleApp, key: str) -> bool:
    return _partition(app, key) in _owned(app)
