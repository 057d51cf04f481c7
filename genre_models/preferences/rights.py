"""What a user may demand: be forgotten, not be learned from, not be experimented with."""

from __future__ import annotations

from dataclasses import replace

from genre_models.preferences.row import UserRow


def erased(row: UserRow, time: int) -> UserRow:
    """A headstone: nothing learned is left.

    Nothing from `time` (seconds) or before will be learned again.
    """
    return UserRow(
        erased_at=max(time, row.erased_at),
        consent=row.consent,
        opted_out=row.opted_out,
        incarnation=row.incarnation,
        marks=row.marks,
    )


def with_consent(row: UserRow, given: bool) -> UserRow:
    """Learning allowed or refused from now on; what was learned stays until it is erased."""
    return replace(row, consent=given)


def with_exploration(row: UserRow, allowed: bool) -> UserRow:
    """Exploration allowed or refused from now on."""
    return replace(row, opted_out=not allowed)
