from __future__ import annotations

from pathlib import Path

import msgspec

from benchmarks.texts.blind import key_of, paired, save
from benchmarks.texts.wanted import Wanted
from benchmarks.texts.writers import Shown

WANTED = [Wanted(genre="joke", request=f"joke {number}", others=()) for number in range(20)]
PAIRS = list(
    paired(
        WANTED,
        [Shown(text=f"base {number}") for number in range(20)],
        [Shown(text=f"product {number}") for number in range(20)],
    )
)


def test_texts_stand_in_random_order_and_the_key_says_which_is_whose() -> None:
    assert {each.product for each in PAIRS} == {"a", "b"}
    for each in PAIRS:
        number = each.wanted.request.removeprefix("joke ")
        texts = {"a": each.a, "b": each.b}
        assert texts.pop(each.product) == f"product {number}"
        assert [*texts.values()] == [f"base {number}"]
    assert [each.number for each in PAIRS] == list(range(1, 21))
    assert [each.wanted for each in PAIRS] != WANTED


def test_the_key_lies_in_a_file_apart(tmp_path: Path) -> None:
    file = tmp_path / "pairs.jsonl"
    save(file, PAIRS)
    lines = msgspec.json.Decoder().decode_lines(file.read_bytes())
    assert lines[0].keys() == {"number", "genre", "request", "a", "b"}
    key = msgspec.json.Decoder().decode_lines(key_of(file).read_bytes())
    assert key == [{"number": each.number, "product": each.product} for each in PAIRS]


def test_markdown_shows_a_text_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "pairs.md"
    fenced = Shown(text="# no heading\n```\ncode\n```")
    save(file, list(paired(WANTED[:1], [fenced], [Shown()])))
    told = file.read_text()
    assert f"````text\n{fenced.text}\n````" in told
    assert "(nothing)" in told
    assert "product" not in told
