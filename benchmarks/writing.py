"""Rows written by an engine and nothing else."""

from __future__ import annotations

from collections.abc import Sequence

from genre_models.engine import Engine, Finished, Generation


def write(engine: Engine, rows: Sequence[Generation]) -> list[Finished]:
    """The ends of all rows, in their order."""
    engine.submit(rows)
    ends: dict[str, Finished] = {}
    while not engine.idle:
        ends |= {end.id: end for end in engine.step() if isinstance(end, Finished)}
    return [ends[row.id] for row in rows]
