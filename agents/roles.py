"""From a role's name to its app.

The role `NAME` is built by `agents/NAME/role.py`, which imports only what it needs.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING

from threadpoolctl import threadpool_limits

from streams.gateway.server import Gateway
from streams.settings import Settings, wait_passively

if TYPE_CHECKING:
    from streams.worker.app import RoleApp

# Seconds after which a thread that runs Python gives way. A model's thread asks for the interpreter
# many times a step: beside a loop that was busy half of the time, steps took a tenth longer at
# Python's own 5 ms.
_TURN = 0.0005


def build(role: str, settings: Settings) -> RoleApp | Gateway:
    """The app of a role with its models loaded, or the gateway.

    `role` is one of `streams.wire.roles`, never a user's word.
    """
    share_cores()
    app: RoleApp | Gateway = import_module(f"agents.{role}.role").build(settings)
    return app


def share_cores() -> None:
    """Be a good neighbour to the other roles on this machine; call before torch is imported.

    So is the event loop, within the process, to the model's thread. numpy's BLAS threads spin
    between products of small matrices: with them, a plan took five times as long. torch brings a
    BLAS of its own, which is not loaded yet.
    """
    sys.setswitchinterval(_TURN)
    wait_passively()
    import_module("numpy")  # only what is loaded can be limited
    threadpool_limits(1, user_api="blas")
