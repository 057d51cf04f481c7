"""`genre explain`: why a request gets its genre, language and verdict. Needs no Kafka."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from agents.classify.judge import Judge, load_judge
from agents.commands.answer import lines_of
from agents.commands.classify import Unread, asked, text_of, told
from agents.commands.setup import print_json, settings
from agents.commands.terminal import console
from genre_models.classification.classifier import Evidence
from genre_models.encoder import dequantise
from schemas.classified import ClassifiedRequest
from schemas.errors import Rejected

_GENRES = 2  # for which it is said what spoke for them
_EXAMPLES = 4  # of each
_WORDS = 5  # of each


def explain(
    text: Annotated[str, typer.Argument(help="A request, as somebody would type it.")],
    json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Say why a request gets its genre, language and verdict.

    Needs no Kafka. Shown are the learned requests that spoke for the genre: their shares of what
    speaks for it, and the words in common.
    """
    read = text_of(text)
    if isinstance(read, Unread):
        raise Rejected(read.code, read.message)
    judge = load_judge(settings())
    known = judge.judged(asked(read))
    found = told(known) | {"because": because(known, judge)}
    print_json(found) if json else _show(known, found)


def because(known: ClassifiedRequest, judge: Judge) -> dict[str, list[dict[str, Any]]]:
    """For the two likeliest genres the learned requests that say most."""
    if known.embedding is None:
        return {}
    classifier = judge.classifiers.of(known.tenant)
    embedding, prompt = dequantise(known.embedding), known.request.prompt or ""
    return {
        each.genre: [
            _example(one) for one in classifier.evidence(embedding, prompt, each.genre)[:_EXAMPLES]
        ]
        for each in known.genres[:_GENRES]
    }


def _example(one: Evidence) -> dict[str, Any]:
    return {
        "request": one.text,
        "share": round(one.share, 4),
        "likeness": round(one.likeness, 4),
        "words": list(one.words[:_WORDS]),
    }


def _show(known: ClassifiedRequest, found: dict[str, Any]) -> None:
    out = console()

    def fact(name: str, value: str) -> None:
        first, *rest = lines_of(out, value or "-")
        out.print(f"{name:9}{str(first).strip()}")
        for line in rest:
            out.print(f"{'':9}{str(line).strip()}")

    for line in lines_of(out, (known.request.prompt or "")[:400]):
        out.print(line, style="bold")
    out.print()
    fact("genre", _genres(known))
    fact("language", _language(known))
    fact("safety", _safety(known))
    if known.failure is not None:
        fact("answer", f"{known.failure.code}: {known.failure.message}")
    for genre, examples in found["because"].items():
        out.print(f"\nWhat it learned that speaks for {genre}, most first:")
        for one in examples:
            words = ", ".join(one["words"]) or "none: it is alike in meaning"
            out.print()
            first, *rest = lines_of(out, one["request"])
            out.print(f"{one['share']:5.0%} {str(first).strip()}")
            for line in rest:
                out.print(f"{'':5} {str(line).strip()}")
            fact("", f"alike {one['likeness']:.2f}; words in common: {words}")


def _genres(known: ClassifiedRequest) -> str:
    if not known.genres:
        return "none" if known.verdict.allowed else "not looked at"
    shown = ", ".join(f"{each.genre} {each.probability:.0%}" for each in known.genres[:4])
    meaning = {
        "none": "",
        "family": f" - not clear enough: written as {known.family}",
        "base": " - none of them is meant",
    }
    return shown + meaning[known.fallback]


def _language(known: ClassifiedRequest) -> str:
    if known.language is None:
        return "not looked at"
    sure = "beyond doubt" if known.language_confidence == 1.0 else "likely"
    return f"{known.language}, {sure} ({known.language_confidence:.2f})"


def _safety(known: ClassifiedRequest) -> str:
    verdict = known.verdict
    if verdict.code is None:
        return "allowed: nothing speaks against it"
    done = "allowed, and flagged" if verdict.allowed else "declined"
    return f"{done}: {verdict.code}: {verdict.reason}"
