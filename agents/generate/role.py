"""The generate role: one agent with a writer, and its own adapters announced at start."""

from __future__ import annotations

from functools import partial

from agents.generate.announcing import announce
from agents.generate.generate import Writer, generate
from agents.generate.writer import load_writer
from genre_models.adapters import AdapterStore, BaseSpec, add_starters
from genre_models.training.texts.store import TextStore
from streams.settings import Settings
from streams.wire.roles import ROLES
from streams.worker.app import RoleApp

# Seconds. Of consequence on the embedded broker only, where an empty fetch comes back no sooner:
# asking oftener took a tenth of a core from the model, whose texts take longer than this by far.
MODEL_FETCH_WAIT = 0.015


def build(settings: Settings) -> RoleApp:
    """The app of the role, its models loaded."""
    base = BaseSpec.load(settings.models / "base")
    store = AdapterStore(settings.adapters, base)
    add_starters(store)
    writer = load_writer(settings, base, store)
    app = attached(settings, writer)
    app.fetch_wait = max(app.fetch_wait, MODEL_FETCH_WAIT)
    registry, texts = writer.library.registry, TextStore(settings.corpora)
    app.beside("announce", partial(announce, store=store, registry=registry, left=texts.left))
    return app


def attached(settings: Settings, writer: Writer) -> RoleApp:
    """The app of the role with this writer."""
    app = RoleApp(ROLES["generate"], settings)
    app.follow("cancellations", writer.cancel)
    app.follow("adapters", writer.follow)
    app.bind("generate", partial(generate, writer=writer))
    return app
