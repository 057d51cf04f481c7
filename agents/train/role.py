"""The train role: texts and orders are kept, and the workshop trains beside them."""

from __future__ import annotations

from functools import partial

from agents.genres.registry import Registry
from agents.tenants import Tenants
from agents.train.train import forget, train
from agents.train.workshop import Workshop
from genre_models.training.texts.store import TextStore
from streams.settings import Settings
from streams.wire.roles import ROLES
from streams.worker.app import RoleApp


def build(settings: Settings) -> RoleApp:
    """The app of the role; each training is a process of its own."""
    app, registry = RoleApp(ROLES["train"], settings), Registry()
    texts = TextStore(settings.corpora)
    tenants = Tenants(
        allowed=settings.allowed_tenants,
        knows=lambda tenant: texts.folder(tenant).is_dir(),
        count=lambda: len(texts.tenants()),
    )
    workshop = Workshop(settings=settings, registry=registry, texts=texts, tenants=tenants)
    app.follow("adapters", registry.apply)
    app.bind("train", partial(train, workshop=workshop))
    app.bind("forget", partial(forget, texts=workshop.texts, registry=registry))
    app.beside("workshop", workshop.run)
    return app
