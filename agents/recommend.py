"""The recommend role: plan, rank, learn and rights over two tables, and the timers beside them. Never imports torch."""

from __future__ import annotations

from aiokafka.partitioner import murmur2

from agents import learn, plan, rank, rights
from agents.deadlines import Deadlines
from agents.learn import Learner
from agents.ledger import Ledger
from agents.plan import Planner
from agents.profiles import Profiles
from agents.rank import Ranker
from agents.registry import Registry
from genre_models.preferences.posterior import base_prior
from genre_models.preferences.signals import digest
from genre_models.taxonomy import Taxonomy
from streams.app import RoleApp
from streams.follower import Follower
from streams.kafka import cluster_id
from streams.tables import Flush, LoggedTable, table
from streams.topics import BY_NAME


def attach(app: RoleApp) -> None:
    """Declare the tables and bind the agents and timers."""
    settings, taxonomy, registry = app.genre_settings, Taxonomy.load(), Registry()
    users, decisions = (table(app, name, settings.partitions) for name in ("preferences", "decisions"))
    ledger = Ledger(users=users, decisions=decisions, incarnation=0, flush=_flush(users, decisions))
    profiles = Profiles(ledger=ledger, taxonomy=taxonomy, prior=lambda tenant: base_prior())
    deadlines = Deadlines(ledger=ledger, owns=lambda key: _owns(app, key))
    planner = Planner(
        ledger=ledger, profiles=profiles, taxonomy=taxonomy, registry=registry, exploration=settings.exploration
    )
    plan.attach(app, planner)
    rank.attach(app, Ranker(ledger=ledger, profiles=profiles, exploration=settings.exploration))
    learn.attach(app, Learner(ledger=ledger, profiles=profiles, taxonomy=taxonomy, opt_in=settings.learning_opt_in))
    rights.attach(app, ledger, profiles, taxonomy)

    async def know_the_cluster() -> None:
        ledger.incarnation = digest(settings.incarnation or f"{await cluster_id(settings)}/{settings.prefix}")

    async def recount() -> None:
        ledger.recount()

    app.preparations.append(know_the_cluster)
    app.followers.append(Follower(settings, BY_NAME["adapters"], registry.apply))
    decisions.on_recover(recount)

    @app.task
    async def answer_the_overdue() -> None:
        await deadlines.run(lambda: app.outbox)

    @app.task
    async def publish_profiles() -> None:
        await profiles.run(lambda: app.outbox)


def _flush(*tables: LoggedTable) -> Flush:
    async def flush() -> None:
        for each in tables:
            await each.flush()

    return flush


def _owns(app: RoleApp, key: str) -> bool:
    partition = (murmur2(key.encode()) & 0x7FFFFFFF) % app.genre_settings.partitions
    return app.ready and any(each.partition == partition for each in app.consumer.assignment())
