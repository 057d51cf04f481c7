"""An answer as people read it: in narrow terminals, in pipes, and whatever a model has written."""

from __future__ import annotations

import io

import pytest
from rich.cells import cell_len
from rich.console import Console

from agents.commands.answer import reason, show
from agents.commands.ask import reacting
from schemas.recommendations import RankedCandidate, Recommendation
from tests.agents.recommend.conftest import desk, written
from tests.agents.recommend.test_rank import answered

WHY = (
    "expected liking 0.62 ± 0.30: likes joke (+0.21 ± 0.10 from 3 reactions); dislikes the brief "
    "style (-0.10 ± 0.05 from 1 reaction); quality 0.71, reads as joke 80% "
    "(chosen because joke: 52% likely; brief style; likes joke (+0.20 ± 0.11 from 2 reactions))"
)


def candidate(text: str, index: int = 0, **fields: object) -> RankedCandidate:
    given: dict[str, object] = {"genre": "joke", "why": WHY} | fields
    return RankedCandidate(
        candidate_id=f"r1/{index}",
        text=text,
        score=0.5,
        propensity=0.25,
        finish="stop",
        **given,  # type: ignore[arg-type]
    )


def answer(*candidates: RankedCandidate, **fields: object) -> Recommendation:
    given: dict[str, object] = {"user_id": "ada", "status": "ok"} | fields
    return Recommendation(request_id="r1", candidates=candidates, **given)  # type: ignore[arg-type]


def shown(given: Recommendation, *, width: int = 80, terminal: bool = False, **how: bool) -> str:
    out = Console(
        file=io.StringIO(), width=width, force_terminal=terminal, highlight=False, markup=False
    )
    show(out, given, **how)
    assert isinstance(out.file, io.StringIO)
    return out.file.getvalue()


def test_texts_stand_one_after_the_other() -> None:
    texts = candidate("One.\n\nTwo."), candidate("Three.", 1, style="brief")
    assert shown(answer(*texts), width=100) == (
        "1  joke\n   One.\n\n   Two.\n"
        "   why: joke 52% likely; likes joke; dislikes the brief style\n\n"
        "2  joke, brief\n   Three.\n"
        "   why: joke 52% likely; likes joke; dislikes the brief style\n\n"
    )


@pytest.mark.parametrize("width", [40, 80, 120])
@pytest.mark.parametrize("text", ["word " * 60, "牙医说笑话" * 30, "x" * 300, "a\tb\n" * 5])
def test_nothing_is_wider_than_the_terminal_and_nothing_is_lost(width: int, text: str) -> None:
    lines = shown(answer(candidate(text)), width=width).splitlines()
    assert max(map(cell_len, lines)) <= width
    assert "".join("".join(lines[1:-2]).split()) == "".join(text.split())
    assert [line for line in lines if line != line.rstrip()] == []


def test_what_a_model_writes_steers_nothing() -> None:
    printed = shown(answer(candidate("[bold]x[/bold] \x1b[31mred\x07 :smile: [/]")))
    assert "[bold]x[/bold] [31mred :smile: [/]" in printed
    assert "\x1b" not in printed and "\x07" not in printed


def test_colours_are_for_terminals() -> None:
    given = answer(candidate("A text."))
    assert "\x1b[" in shown(given, terminal=True)
    assert "\x1b" not in shown(given)


def test_identifiers_and_numbers_are_there_when_asked_for() -> None:
    given = answer(candidate("A text.", adapter="joke@0123456789ab"), policy="igw")
    long = shown(given, long=True)
    for word in ("r1/0", "joke@0123456789ab", "0.500", "0.250", WHY, "igw"):
        assert word in long and word not in shown(given)


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({"status": "expired", "code": "expired", "message": "Late."}, "expired: Late."),
        ({"status": "error", "code": "no_text", "message": "[x]"}, "error (no_text): [x]"),
        ({"status": "declined"}, "declined: no reason was given"),
    ],
)
def test_an_answer_without_texts_is_one_line(fields: dict[str, object], line: str) -> None:
    assert shown(answer(**fields), width=20) == line + "\n"


async def test_the_reasons_of_the_recommend_role_are_put_in_words() -> None:
    found, _ = await answered(desk(), written())
    assert isinstance(found, Recommendation)
    for each in found.candidates:
        assert "expected liking" in each.why
        said = reason(each.why)
        assert not {"±", "(", ")", "quality"} & set(said.split()) and "±" not in said
        assert len(said) < 70 and "; " in said


def test_an_unknown_reason_stays_as_it_is() -> None:
    assert reason("because (so to speak) it rhymes") == "because (so to speak) it rhymes"


@pytest.mark.parametrize(
    ("given", "command"),
    [
        (answer(candidate("x"), user_id="me"), "genre rate 1 like"),
        (answer(candidate("x"), candidate("y", 1)), "genre rate 2 like --user ada"),
        (
            answer(candidate("x"), user_id="o neil", tenant="acme"),
            "genre rate 1 like --user 'o neil' --tenant acme",
        ),
    ],
)
def test_it_is_said_how_to_react(given: Recommendation, command: str) -> None:
    assert reacting(given) == command


def test_a_suggestion_says_what_was_asked() -> None:
    printed = shown(answer(candidate("A text.", prompt=r"about \[/red] things")))
    assert printed.splitlines()[:3] == ["1  joke", r"   asked: about \[/red] things", "   A text."]
