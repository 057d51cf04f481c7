"""Requests and texts that were written for this project, to train adapters on and to judge them by.

`GENRE.jsonl` holds the pairs that are trained on, `held_out/GENRE.jsonl` those of another author,
which never are. `python -m genre_models.corpora.written` reports on them.
"""

from __future__ import annotations

from genre_models.corpora.written.pairs import FOLDER, read_pairs, written

__all__ = ["FOLDER", "read_pairs", "written"]
