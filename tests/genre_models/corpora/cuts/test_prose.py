from __future__ import annotations

from pathlib import Path

from genre_models.corpora.cuts import prose
from genre_models.corpora.pinned import WESNOTH
from tests.genre_models.corpora.cuts.conftest import put


def test_dialogue_names_its_speakers(tmp_path: Path) -> None:
    line = '[message]\n speaker={}\n message= _ "{}"\n[/message]\n'
    scenario = (
        line.format("narrator", "Once.")
        + line.format("Ann", 'Say ""hi"".')
        + line.format("Bo", "Hi!")
    )
    put(tmp_path, WESNOTH, f"{prose.SCENARIOS}/01.cfg", scenario.encode())
    assert [cut.text for cut in prose.dialogues(tmp_path)] == ['Ann: Say "hi".\nBo: Hi!']
