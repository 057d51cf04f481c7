"""What is remembered of a user, as people read it."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from genre_models.preferences.row import UserRow
from genre_models.preferences.signals import Kind
from schemas.preferences import PreferenceProfile


def exported(found: PreferenceProfile) -> dict[str, object]:
    """The profile in words and numbers, the row's settings, and every remembered reaction."""
    row = UserRow.unpack(found.row)
    profile = msgspec.to_builtins(replace(found, row=b""))
    profile.pop("row")
    return profile | {
        "consent": row.consent,
        "explored_for": not row.opted_out,
        "taste_changed_at": list(row.alarms),
        "weight_of_reactions": round(float(row.moments(row.last)[-1]), 3),
        "signals": [
            {
                "kind": Kind(int(entry["kind"])).name.lower(),
                "time": int(entry["time"]),
                "candidate": int(entry["candidate"]),
                "weight": round(float(entry["weight"]), 4),
                "target": round(float(entry["target"]), 4),
            }
            for entry in row.ring
        ],
    }
