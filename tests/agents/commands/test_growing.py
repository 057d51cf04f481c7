"""The text that grows while it is written: one candidate's pieces, in a terminal of any size."""

from __future__ import annotations

import io

from rich.cells import cell_len
from rich.console import Console

from agents.commands.growing import GrowingText, growing
from schemas.progress import Progress


def piece(text: str, sequence: int = 0, index: int = 0) -> Progress:
    return Progress(
        kind="piece", request_id="r", user_id="ada", index=index, sequence=sequence, text=text
    )


def terminal(width: int = 80, height: int = 24) -> Console:
    return Console(file=io.StringIO(), width=width, height=height, force_terminal=True)


def shown(text: GrowingText, out: Console) -> list[str]:
    return ["".join(s.text for s in line).rstrip() for line in out.render_lines(text)]


def test_it_is_the_candidate_that_comes_first_and_repeats_change_nothing() -> None:
    text = GrowingText()
    assert shown(text, terminal()) == ["waiting for the first words ..."]
    for each in (
        piece("One", 0, 2),
        piece("Other", 0, 1),
        piece(" two", 1, 2),
        piece("One", 0, 2),
        piece("[/red] \x1b[2J\\[/red]", 2, 2),
    ):
        text.add(each)
    assert shown(text, terminal()) == ["   One two[/red] [2J\\[/red]", "being written ..."]


def test_the_end_of_a_long_text_is_seen() -> None:
    text = GrowingText()
    text.add(piece("word " * 400 + "end"))
    lines = shown(text, terminal(width=40, height=10))
    assert len(lines) == 9 and lines[-2].endswith("end")
    assert max(map(cell_len, lines)) <= 40


def test_nothing_of_it_stays() -> None:
    out = terminal()
    with growing(out) as text:
        text.add(piece("A text."))
    assert isinstance(out.file, io.StringIO)
    written = out.file.getvalue()
    # the display's lines are erased one by one: "cursor up, erase line"
    assert "A text." in written and written.endswith("\x1b[1A\x1b[2K")
