"""Versions of a genre: withdrawn, published again, and rolled back by their events."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime

from schemas.adapters import AdapterEvent
from schemas.errors import Rejected


def withdrawn(event: AdapterEvent, reason: str) -> AdapterEvent:
    """The event after which no new request uses the adapter."""
    return replace(event, kind="withdrawn", reason=reason[:2000], time=datetime.now(UTC))


def published(event: AdapterEvent) -> AdapterEvent:
    """The event after which the adapter is used again."""
    return replace(event, kind="published", reason=None, time=datetime.now(UTC))


def rolled_back(events: Collection[AdapterEvent], genre: str, reason: str) -> list[AdapterEvent]:
    """What takes a genre's newest version away, and brings the one before it back where it is gone.

    `events` are the newest ones of the genre's adapters. Raises as `two`.
    """
    newest, before = two(events, genre)
    again = [] if before.kind == "published" else [published(before)]
    # First what is used then: in between, the genre is never without.
    return [*again, withdrawn(newest, reason)]


def two(events: Collection[AdapterEvent], genre: str) -> tuple[AdapterEvent, AdapterEvent]:
    """The newest published version of a genre, and its parent or else the one made before it.

    Raises Rejected (no_version_before).
    """
    current = sorted(
        (event for event in events if event.kind == "published"), key=lambda event: event.time
    )
    if not current or len(events) < 2:
        raise Rejected(
            "no_version_before",
            f"Expected two versions of {genre}, got {len(events)}; nothing was changed.",
        )
    newest = current[-1]
    others = [event for event in events if event is not newest]
    parents = [event for event in others if event.name == newest.lineage.parent]
    return newest, (parents or current[:-1] or sorted(others, key=lambda event: event.time))[-1]
