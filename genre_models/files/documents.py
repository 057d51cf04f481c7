"""JSON as people have it: a document a line, or an array of them; each with its line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from genre_models.files.encoding import whole
from genre_models.files.file import File

_SPACE = " \t\n\ufeff"  # files that were joined have their marks within
_BETWEEN = re.compile(r"[ \t\n,]*")
_HALF = re.compile(r"\\ud[89a-f]", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Document:
    """One JSON document of a file, unparsed, and the line in which it begins."""

    file: File
    line: int
    source: str

    def value(self) -> Any:
        """What it says. Raises Rejected `bad_source`, also for a name that comes twice."""
        try:
            found = _DECODER.decode(self.source)
        except (ValueError, RecursionError) as error:
            raise self.file.refused(
                self.line,
                "a JSON object or text",
                f"{_reason(error)}: write one document a line, or an array of them",
            ) from error
        return _whole(found) if _HALF.search(self.source) else found


def documents(file: File) -> Iterator[Document]:
    """The lines of JSON Lines, without commas after them, or the elements of an array.

    Raises Rejected `bad_source` for an array that is none.
    """
    if file.text.lstrip(_SPACE).startswith("["):
        yield from _elements(file)
        return
    for number, line in enumerate(file.text.split("\n"), 1):
        source = line.strip(_SPACE).removesuffix(",")
        if source:
            yield Document(file, number, source)


def _elements(file: File) -> Iterator[Document]:
    text, line, counted = file.text, 1, 0
    at = text.index("[") + 1
    while True:
        at = _after(text, at)
        line, counted = line + text.count("\n", counted, at), at
        if text[at : at + 1] == "]":
            break
        try:
            _, end = _DECODER.raw_decode(text, at)
        except (ValueError, RecursionError) as error:
            raise file.refused(line, "an element of the JSON array", _reason(error)) from error
        yield Document(file, line, text[at:end])
        at = end
    if text[at + 1 :].strip(_SPACE):
        raise file.refused(line, "the end of the JSON array to be the end", "more after it")


def _after(text: str, at: int) -> int:
    found = _BETWEEN.match(text, at)
    return found.end() if found else at


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name that comes twice")
    return found


def _reason(error: ValueError | RecursionError) -> str:
    if isinstance(error, RecursionError):
        return "too many levels of nesting"
    if isinstance(error, json.JSONDecodeError):
        said = error.msg.removesuffix(" at")
        return f"{said[:1].lower()}{said[1:]} at character {error.pos}"
    return str(error).partition(":")[0]  # behind it Python says how to allow longer numbers


def _whole(value: Any) -> Any:
    if isinstance(value, str):
        return whole(value)
    if isinstance(value, list):
        return [_whole(each) for each in value]
    if isinstance(value, dict):
        return {whole(name): _whole(each) for name, each in value.items()}
    return value


_DECODER = json.JSONDecoder(object_pairs_hook=_object)
