"""The generate role: one agent with a writer, and its own adapters announced at start."""

from __future__ import annotations

import logging
from functools import partial

from agents.base_model import stocked_store
from agents.coverage import missing
from agents.generate.announcing import announce
from agents.generate.generate import Writer, generate
from agents.generate.writer import engine_of, load_writer
from genre_models.training.texts.store import TextStore
from streams.settings import Settings
from streams.wire.roles import ROLES
from streams.worker.app import RoleApp

log = logging.getLogger(__name__)

# Seconds: the longest deadline. A task is given up then, whatever the engine does.
LONGEST_TASK = 600.0


def build(settings: Settings) -> RoleApp:
    """The app of the role, its models loaded."""
    store = stocked_store(settings)
    lacking = missing(store, settings)
    if lacking is not None:
        log.warning("%s", lacking)
    writer = load_writer(settings, store.base, store)
    app = attached(settings, writer)
    registry, texts = writer.library.registry, TextStore(settings.corpora)
    app.facts["engine"] = ": ".join(engine_of(settings))
    announcing = partial(announce, store=store, registry=registry, left=texts.left)
    # Who waits for `ready` and asks at once would be answered without adapters.
    app.beside("announce", announcing, awaited=True)
    return app


def attached(settings: Settings, writer: Writer) -> RoleApp:
    """The app of the role with this writer."""
    app = RoleApp(ROLES["generate"], settings)
    app.follow("cancellations", writer.cancel)
    app.follow("adapters", writer.follow)
    app.bind("generate", partial(generate, writer=writer), slowest=LONGEST_TASK, alive=writer.alive)
    return app
