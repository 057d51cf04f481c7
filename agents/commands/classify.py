"""`genre classify`: which genre, language and verdict requests get, without Kafka."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from queue import Empty, SimpleQueue
from threading import Semaphore, Thread
from typing import IO, Annotated, Any

import typer

from agents.classify.judge import Judge, load_judge
from agents.commands.setup import print_json, settings
from agents.commands.terminal import console, printable
from genre_models.safety import Judgement
from schemas.classified import ClassifiedRequest
from schemas.errors import InvalidEvent, Rejected
from schemas.fields import MAX_PROMPT_BYTES
from schemas.requests import GenerationRequest
from streams.wire.codecs import parse

_TOGETHER = 128  # requests that are judged at a time: as many as have come, at most
_LONGEST = 4 << 20  # bytes of a line
_HOUR = timedelta(hours=1)


def classify(
    texts: Annotated[
        list[str] | None, typer.Argument(help="Requests; none: JSON lines with `text` as input.")
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="One JSON object a request, in their order.")
    ] = False,
) -> None:
    """Say which genre requests ask for, their language and safety.

    Needs no Kafka. A line that is none gets one with an `error`. `genre` is null where none is
    meant; `probability` is that of the likeliest one, meant or not.
    """
    if not texts and sys.stdin.isatty():
        raise Rejected(
            "no_text", 'Expected requests as arguments or JSON lines as input: genre classify "..."'
        )
    given: Iterable[bytes | str] = texts or lines(sys.stdin.buffer)
    judge = load_judge(settings())
    for batch in _batches(given):
        answers = answered(batch, judge)
        if json:
            for answer in answers:
                print_json(answer)
        else:
            _show(batch, answers)


@dataclass(frozen=True, slots=True)
class Unread:
    """A line that asks nothing, and why."""

    code: str
    message: str


def answered(lines: Sequence[bytes | str], judge: Judge) -> list[dict[str, Any]]:
    """What is said of each line: a request as it is, or a JSON object with one."""
    read = [text_of(line) for line in lines]
    found = iter(judged([each for each in read if isinstance(each, str)], judge))
    return [
        {"genre": None, "error": {"code": each.code, "message": each.message}}
        if isinstance(each, Unread)
        else told(*next(found))
        for each in read
    ]


def judged(texts: Sequence[str], judge: Judge) -> list[tuple[ClassifiedRequest, Judgement]]:
    """What is said of each text, and of its safety: of those that are declined, too."""
    known = judge.judge_all([asked(text) for text in texts], gated=False)
    prompts = [each.request.prompt or "" for each in known]
    verdicts = judge.gate.requests(prompts, foreign=judge.languages.foreign(prompts))
    return list(zip(known, verdicts, strict=True))


def told(known: ClassifiedRequest, found: Judgement) -> dict[str, Any]:
    """One request as `--json` prints it."""
    ranked = [
        {"genre": each.genre, "probability": round(each.probability, 6)} for each in known.genres
    ]
    is_meant = bool(ranked) and known.fallback != "base"
    answer: dict[str, Any] = {
        "genre": ranked[0]["genre"] if is_meant else None,
        "family": known.family,
        "probability": ranked[0]["probability"] if ranked else 0.0,
        "alternatives": ranked[1:] if is_meant else ranked,
        "language": known.language,
        "safety": {
            "allowed": found.verdict.allowed,
            "category": found.category,
            "score": round(found.score, 6),
        },
    }
    if known.failure is not None and known.failure.code != "language":
        answer["error"] = {"code": known.failure.code, "message": known.failure.message}
    return answer


def asked(text: str) -> ClassifiedRequest:
    """The request of somebody who asks nothing but `text`."""
    now = datetime.now(UTC)
    request = GenerationRequest(user_id="me", prompt=text)
    return ClassifiedRequest(
        request_id="classify", user_id="me", request=request, received=now, deadline=now + _HOUR
    )


def text_of(line: bytes | str) -> str | Unread:
    """The request of a line. As long as those on Kafka may be, and no longer."""
    text: object = line
    if isinstance(line, bytes):
        try:
            document = parse(line)
        except InvalidEvent as error:
            return Unread(error.code, error.message)
        text = document.get("text") if isinstance(document, dict) else None
    if not isinstance(text, str):
        got = "none" if text is None else type(text).__name__
        return Unread("no_text", f"Expected a JSON object with a string `text`, got {got}.")
    if not text.strip():
        return Unread("no_text", "Expected a `text` that is not blank, got a blank one.")
    try:
        size = len(text.encode())
    except UnicodeEncodeError:  # of an argument that is no UTF-8
        return Unread("not_utf8", "Expected a text in UTF-8, got other bytes.")
    if size > MAX_PROMPT_BYTES:
        return Unread(
            "too_large", f"Expected a `text` of at most {MAX_PROMPT_BYTES} bytes, got {size}."
        )
    return text


def lines(source: IO[bytes]) -> Iterator[bytes]:
    """The lines that are not blank; of one that is too long, its beginning, which is no JSON."""
    while line := source.readline(_LONGEST):
        rest = line
        while rest and not rest.endswith(b"\n"):
            rest = source.readline(_LONGEST)
        if line := line.strip().removeprefix(b"\xef\xbb\xbf"):
            yield line


def _batches(given: Iterable[bytes | str]) -> Iterator[list[bytes | str]]:
    """What has come while the last batch was judged; at least one line, at most 128."""
    waiting: SimpleQueue[bytes | str | None] = SimpleQueue()
    room = Semaphore(2 * _TOGETHER)

    def read() -> None:
        try:
            for line in given:
                room.acquire()
                waiting.put(line)
        finally:
            waiting.put(None)

    Thread(target=read, daemon=True).start()
    line = waiting.get()
    while line is not None:
        batch = []
        while line is not None:
            batch.append(line)
            room.release()
            if len(batch) == _TOGETHER:
                break
            try:
                line = waiting.get_nowait()
            except Empty:
                break
        yield batch
        line = None if line is None else waiting.get()


def _show(lines: Sequence[bytes | str], answers: Sequence[dict[str, Any]]) -> None:
    from rich.table import Table

    shown = Table("request", "genre", "family", "sure", "language", "safety", expand=False)
    shown.columns[0].ratio = 1
    for line, answer in zip(lines, answers, strict=True):
        text = text_of(line)
        if isinstance(text, Unread):
            source = line if isinstance(line, str) else str(line, "utf-8", "replace")
            shown.add_row(_cut(source), f"error: {text.code}")
            continue
        safety = answer["safety"]
        shown.add_row(
            _cut(text),
            answer["genre"] or "none",
            answer["family"] or "",
            f"{answer['probability']:.0%}",
            answer["language"] or "",
            "allowed" if safety["allowed"] else f"declined: {safety['category']}",
        )
    console().print(shown)


def _cut(text: str) -> str:
    line = printable(" ".join(text[:400].split()))
    return line if len(line) <= 80 else f"{line[:79]}…"
