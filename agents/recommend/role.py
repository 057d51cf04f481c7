"""The recommend role: plan, rank, learn and rights over two tables, and the timers beside them.

Never imports torch.
"""

from __future__ import annotations

from functools import partial

from agents.base_model import known_base
from agents.genres.registry import Registry
from agents.recommend.deadlines import Deadlines
from agents.recommend.decision_row import is_open
from agents.recommend.learn import Learner, learn
from agents.recommend.ledger import Ledger
from agents.recommend.plan import Planner, plan
from agents.recommend.populations import Populations
from agents.recommend.profiles import Profiles
from agents.recommend.rank import Ranker, rank
from agents.recommend.rights import rights
from agents.tenants import Tenants
from genre_models.preferences.signals import digest
from streams.clients.kafka import cluster_id
from streams.settings import Settings
from streams.wire.partitions import home_of
from streams.wire.roles import ROLES
from streams.worker.app import RoleApp


def build(settings: Settings) -> RoleApp:
    """The app of the role: tables, agents, timers."""
    app, registry = RoleApp(ROLES["recommend"], settings), Registry(base=known_base(settings))
    users, decisions = app.keep("preferences"), app.keep("decisions", is_open)
    populations = Populations(
        users=users,
        partition_of=partial(home_of, partitions=settings.partitions),
        owned=lambda: _owned(app),
        partitions=settings.partitions,
        counts=app.counts,
    )
    ledger = Ledger(
        users=users,
        decisions=decisions,
        incarnation=0,
        flush=app.flush,
        scrub=app.scrub_soon,
        counts=app.counts,
        changed=populations.changed,
    )
    owns = partial(_owns, app)
    profiles = Profiles(ledger=ledger, registry=registry, prior=populations.prior, owns=owns)
    tenants = Tenants(
        allowed=settings.allowed_tenants,
        knows=populations.knows,
        count=lambda: populations.tenants,
    )
    planner = Planner(
        ledger=ledger,
        profiles=profiles,
        registry=registry,
        exploration=settings.exploration,
        opt_in=settings.learning_opt_in,
        tenants=tenants,
    )
    ranker = Ranker(
        ledger=ledger,
        profiles=profiles,
        exploration=settings.exploration,
        evaluated=settings.evaluation_share,
    )
    learner = Learner(
        ledger=ledger,
        registry=registry,
        opt_in=settings.learning_opt_in,
        trains_from=settings.trains_from,
        tenants=tenants,
    )
    deadlines = Deadlines(ledger=ledger, owns=owns)

    async def know_the_cluster() -> None:
        ledger.incarnation = await incarnation_of(settings)

    async def recovered() -> None:
        populations.recover()
        await ledger.recount(_assigned(app))

    async def know_the_ends() -> None:
        ledger.assign(await app.ends())

    app.preparations.append(know_the_cluster)
    decisions.on_recover(know_the_ends)
    decisions.on_recover(recovered)
    app.follow("adapters", registry.apply)
    app.follow("population", populations.apply)
    app.bind("plan", partial(plan, planner=planner))
    app.bind("rank", partial(rank, ranker=ranker))
    app.bind("learn", partial(learn, learner=learner))
    app.bind("rights", partial(rights, ledger=ledger, registry=registry))
    app.beside("deadlines", deadlines.run)
    app.beside("profiles", profiles.run)
    app.beside("populations", populations.run)
    return app


async def incarnation_of(settings: Settings) -> int:
    """What a row's offsets belong to: this cluster and prefix, or a run of the embedded broker."""
    return digest(settings.incarnation or f"{await cluster_id(settings)}/{settings.prefix}")


def _owned(app: RoleApp) -> frozenset[int]:
    return _assigned(app) if app.ready else frozenset()


def _assigned(app: RoleApp) -> frozenset[int]:
    return frozenset(each.partition for each in app.consumer.assignment())


def _owns(app: RoleApp, key: str) -> bool:
    return home_of(key, app.genre_settings.partitions) in _owned(app)
