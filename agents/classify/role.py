"""The classify role: one agent with a judge, which hears of corrections and of new genres."""

from __future__ import annotations

from functools import partial

from agents.classify.classify import LearningJudge, classify
from agents.classify.judge import load_judge
from agents.classify.quota import Quota
from streams.settings import Settings
from streams.wire.roles import ROLES
from streams.worker.app import RoleApp


def build(settings: Settings) -> RoleApp:
    """The app of the role, its models loaded."""
    return attached(settings, load_judge(settings))


def attached(settings: Settings, judge: LearningJudge) -> RoleApp:
    """The app of the role with this judge."""
    app = RoleApp(ROLES["classify"], settings)
    app.follow("corrections", judge.corrections.apply)
    app.follow("adapters", judge.classifiers.apply)
    prefixes = settings.reply_prefix_list
    quota = Quota(settings.prompt_bytes)
    app.bind("classify", partial(classify, judge=judge, reply_prefixes=prefixes, quota=quota))
    return app
