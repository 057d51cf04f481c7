"""A recommendation as people read it: one text after the other, with its number, genre and why."""

from __future__ import annotations

import re
from typing import Any

from rich.console import Console
from rich.text import Text

from agents.commands.terminal import printable
from schemas.recommendations import RankedCandidate, Recommendation

_INDENT = "   "
# What a short `why` leaves out: numbers, and the style, which stands beside the genre.
_DETAILS = re.compile(
    r"^expected liking [^:]*: |; quality .*?(?= \(chosen|$)| \([+-][^()]*\)|; \w+ style(?=[;)])",
    re.DOTALL,
)
_SHARE = re.compile(r": (?=\d+% likely)")


def show(out: Console, answer: Recommendation, *, long: bool = False) -> None:
    """Print the candidates, best first, or one line that says why there are none.

    `long` adds identifiers and numbers.
    """
    if answer.status != "ok":
        out.print(refusal(answer), style="red", soft_wrap=True)
    for number, candidate in enumerate(answer.candidates, 1):
        show_candidate(out, number, candidate, long=long)
    if long:
        facts = {
            "request": answer.request_id,
            "genre": answer.genre,
            "language": answer.language,
            "policy": answer.policy,
            "tokens": f"{answer.usage.tokens_in} read, {answer.usage.tokens_out} written",
            "seconds": f"{answer.usage.seconds:.1f}",
        }
        _facts(out, facts, indent="")
        out.print()


def show_candidate(
    out: Console, number: int, candidate: RankedCandidate, *, long: bool = False
) -> None:
    """Print one text under its number, and a blank line after it."""
    kind = ", ".join(filter(None, (candidate.genre or "no genre", candidate.style)))
    out.print(Text(f"{number}  ", "bold").append(kind, "bold cyan"))
    if candidate.prompt is not None:
        show_text(out, f"asked: {candidate.prompt}", "dim")
    show_text(out, candidate.text)
    if long:
        _facts(out, _numbers(candidate), indent=_INDENT)
    else:
        line = Text(f"{_INDENT}why: {reason(candidate.why)}", "dim")
        line.truncate(out.width, overflow="ellipsis")
        out.print(line)
    out.print()


def show_text(out: Console, text: str, style: str = "") -> None:
    """Print a text of any length at the terminal's width, its own lines kept."""
    for line in lines_of(out, text, style):
        out.print(line)


def lines_of(out: Console, text: str, style: str = "") -> list[Text]:
    """A text's lines at the terminal's width, indented; its own are kept."""
    shown = Text(printable(text).strip(), style).wrap(out, out.width - len(_INDENT), tab_size=4)
    for line in shown:
        line.rstrip()
    return [Text(_INDENT if line else "").append_text(line) for line in shown]


def refusal(answer: Recommendation) -> str:
    """Why there is no text, in one line.

    >>> refusal(Recommendation(request_id="r", user_id="ada", status="expired", code="expired",
    ...                        message="The deadline has passed."))
    'expired: The deadline has passed.'
    """
    code = f" ({answer.code})" if answer.code not in (None, answer.status) else ""
    return printable(f"{answer.status}{code}: {answer.message or 'no reason was given'}")


def reason(why: str) -> str:
    """The words of a `why` without its numbers and the style, each said once.

    >>> reason("expected liking 0.62 ± 0.30: likes joke (+0.21 ± 0.10 from 3 reactions); "
    ...        "quality 0.71, reads as joke 80% (chosen because joke: 52% likely; "
    ...        "likes joke (+0.20 ± 0.11 from 2 reactions))")
    'joke 52% likely; likes joke'
    """
    known, _, chosen = _DETAILS.sub("", why).partition(" (chosen because ")
    clauses = [*_SHARE.sub(" ", chosen.removesuffix(")")).split("; "), *known.split("; ")]
    return printable("; ".join(dict.fromkeys(filter(None, clauses))))


def _numbers(candidate: RankedCandidate) -> dict[str, Any]:
    blend = " + ".join(f"{part.weight:g} {part.adapter}" for part in candidate.blend)
    return {
        "candidate": candidate.candidate_id,
        "adapter": candidate.adapter or blend or "base model",
        "score": f"{candidate.score:.3f}",
        "propensity": f"{candidate.propensity:.3f}",
        "finish": candidate.finish,
        "why": candidate.why,
    }


def _facts(out: Console, facts: dict[str, Any], indent: str) -> None:
    """Named values, one a line; long ones stay on theirs, to be copied whole."""
    for name, value in facts.items():
        if value is not None:
            out.print(printable(f"{indent}{name:10} {value}"), style="dim", soft_wrap=True)
