from __future__ import annotations

import gzip
from pathlib import Path

from genre_models.corpora.cuts import reference
from genre_models.corpora.pinned import FOLDOC, RED
from tests.genre_models.corpora.cuts.conftest import put


def test_glossary_entries_lose_labels_and_links(tmp_path: Path) -> None:
    text = (
        "ferry\n\n   <networking> A {program} that\n   carries packets.\n\n"
        "   (2020-01-01)\n\nno entry\n"
    )
    put(tmp_path, FOLDOC, "usr/share/dictd/foldoc.dict.dz", gzip.compress(text.encode()))
    assert [" ".join(cut.text.split()) for cut in reference.entries(tmp_path)] == [
        "ferry: A program that carries packets."
    ]


def test_slogans_are_about_their_brand(tmp_path: Path) -> None:
    put(
        tmp_path,
        RED,
        f"{reference.LISTS}/slogans.yaml",
        b"AUTHOR: Ann\nWe cross rivers.:\n- Ferry Co\n",
    )
    assert [(cut.text, cut.title) for cut in reference.slogans(tmp_path)] == [
        ("We cross rivers.", "Ferry Co")
    ]
