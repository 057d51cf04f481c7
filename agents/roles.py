"""Which agents make a role, and with which models. A role imports only what it needs: `recommend` never sees torch."""

from __future__ import annotations

from threadpoolctl import threadpool_limits

from streams.app import RoleApp
from streams.settings import Settings, wait_passively


def build(role: str, settings: Settings) -> RoleApp:
    """The app of a role with its models loaded."""
    share_cores()
    return {"classify": _classify, "recommend": _recommend, "generate": _generate, "train": _train}[role](settings)


def share_cores() -> None:
    """Be a good neighbour to the other roles on this machine; call before torch is imported.

    numpy's BLAS threads spin between products of small matrices: with them, a plan took five times as long. torch
    brings a BLAS of its own, which is not loaded yet.
    """
    wait_passively()
    threadpool_limits(1, user_api="blas")


def _classify(settings: Settings) -> RoleApp:
    from agents import classify
    from agents.judge import load_judge

    app = RoleApp("classify", settings)
    classify.attach(app, load_judge(settings))
    return app


def _recommend(settings: Settings) -> RoleApp:
    from agents import recommend

    app = RoleApp("recommend", settings)
    recommend.attach(app)
    return app


# Seconds. Of consequence on the embedded broker only, where an empty fetch comes back no sooner: asking oftener took a
# tenth of a core from the model, whose texts take longer than this by far.
MODEL_FETCH_WAIT = 0.015


def _generate(settings: Settings) -> RoleApp:
    from agents import generate
    from agents.writer import load_writer
    from genre_models.adapters import AdapterStore, BaseSpec, add_starters

    app = RoleApp("generate", settings)
    base = BaseSpec.load(settings.models / "base")
    store = AdapterStore(settings.adapters, base)
    add_starters(store)
    writer = load_writer(settings, base, store)
    app.fetch_wait = max(app.fetch_wait, MODEL_FETCH_WAIT)
    generate.attach(app, writer)
    generate.announce(app, store, writer.library.registry)
    return app


def _train(settings: Settings) -> RoleApp:
    from agents import train

    app = RoleApp("train", settings)
    train.attach(app)
    return app
