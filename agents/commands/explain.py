"""`genre explain`: why a request gets its genre, language and verdict. Needs no Kafka."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from agents.classify.judge import Judge, load_judge
from agents.commands.answer import lines_of
from agents.commands.classify import Unread, judged, text_of, told
from agents.commands.setup import print_json, settings
from agents.commands.terminal import console
from genre_models.classification.classifier import Evidence
from genre_models.safety import Judgement
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

    Needs no Kafka. Shown are the words that spoke for the genre, and the learned requests that are
    most like this one.
    """
    read = text_of(text)
    if isinstance(read, Unread):
        raise Rejected(read.code, read.message)
    judge = load_judge(settings())
    known, judgement = judged([read], judge)[0]
    found = told(known, judgement) | {"because": because(known, judge)}
    print_json(found) if json else _show(known, judgement, found)


def because(known: ClassifiedRequest, judge: Judge) -> dict[str, dict[str, Any]]:
    """What spoke for the two likeliest genres."""
    if known.embedding is None or known.request.genre is not None:
        return {}
    prompt = known.request.prompt or ""
    classifier, foreign = judge.classifiers.of(known.tenant), judge.foreign(prompt)
    layers = judge.encoder.layers([prompt])[0]
    found = {
        each.genre: classifier.evidence(each.genre, layers, prompt, foreign)
        for each in known.genres[:_GENRES]
    }
    return {genre: _plain(each) for genre, each in found.items() if each is not None}


def _plain(found: Evidence) -> dict[str, Any]:
    return {
        "meaning": round(found.meaning, 4),
        "words": [
            {"word": word, "adds": round(adds, 4)}
            for word, adds in found.words[:_WORDS]
            if adds > 0 and any(map(str.isalnum, word))
        ],
        "examples": [
            {"request": text, "likeness": round(cosine, 4)}
            for text, cosine in found.examples[:_EXAMPLES]
        ],
    }


def _show(known: ClassifiedRequest, judgement: Judgement, found: dict[str, Any]) -> None:
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
    fact("safety", _safety(judgement))
    if known.failure is not None:
        fact("answer", f"{known.failure.code}: {known.failure.message}")
    for genre, each in found["because"].items():
        out.print(f"\nWhat speaks for {genre}:")
        words = ", ".join(f"{one['word']} {one['adds']:+.2f}" for one in each["words"])
        fact("words", words or "none: its meaning alone")
        fact("meaning", f"{each['meaning']:+.2f}; learned requests that are most like it:")
        for one in each["examples"]:
            for line in lines_of(out, f"{one['likeness']:.2f} {one['request']}"):
                out.print(line)


def _genres(known: ClassifiedRequest) -> str:
    if not known.genres:
        return "none"
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


def _safety(found: Judgement) -> str:
    if found.code is None:
        nearest = f"; nearest: {found.category}" if found.category else ""
        return f"allowed (score {found.score:.2f}{nearest})"
    done = {"decline": "declined", "flag": "allowed, and flagged", "allow": "allowed"}[found.action]
    return f"{done} ({found.score:.2f}): {found.code}: {found.reason}"
