"""What every command starts with: its settings, and a running `genre up` where there is one."""

from __future__ import annotations

import sys

import orjson

from streams.clients.running import found
from streams.settings import Settings


def settings() -> Settings:
    """The settings of this process; the broker of a running `genre up` unless GENRE_BROKERS names
    another."""
    return found(Settings.from_environment())


def print_json(document: object) -> None:
    """One JSON document on one line of standard output."""
    sys.stdout.write(orjson.dumps(document).decode() + "\n")
    sys.stdout.flush()
