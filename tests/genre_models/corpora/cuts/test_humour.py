from __future__ import annotations

import gzip
import json
from pathlib import Path

from genre_models.corpora.cuts import humour
from genre_models.corpora.pinned import DEVIL, JOKES, RIDDLES
from tests.genre_models.corpora.cuts.conftest import put


def test_jokes_with_unclean_tags_are_left_out(tmp_path: Path) -> None:
    jokes = [
        {"body": "A clean one.", "tags": ["puns"]},
        {"body": "Another.", "tags": ["puns", "dirty"]},
    ]
    put(tmp_path, JOKES, "package/jokes.json", json.dumps(jokes).encode())
    assert [cut.text for cut in humour.jokes(tmp_path)] == ["A clean one."]


def test_riddles_have_a_question_and_an_answer(tmp_path: Path) -> None:
    text = "Q:\tWhat has\n\tkeys?\nA:\tA piano.\n%\nNo riddle at all\n"
    put(tmp_path, RIDDLES, "usr/share/games/fortunes/riddles", text.encode())
    assert [cut.text for cut in humour.riddles(tmp_path)] == ["What has keys?\nAnswer: A piano."]


def test_definitions_have_a_headword(tmp_path: Path) -> None:
    text = "FERRY, n.  A boat that waits\nfor nobody.\n\n   Verses about it\n   that rhyme.\n"
    put(tmp_path, DEVIL, "usr/share/dictd/devil.dict.dz", gzip.compress(text.encode()))
    (cut,) = humour.definitions(tmp_path)
    assert (cut.title, cut.document, cut.text[:20]) == ("ferry", "FERRY", "Ferry, n.  A boat th")
