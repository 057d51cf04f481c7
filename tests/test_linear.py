"""What reads text from outside takes time in proportion to its length, whatever is written.

Every pattern of the code is found and tried; a pattern that is put together at run time must be a
name of its module, so that it is found. Loops are tried by the functions of `READERS`.
"""

from __future__ import annotations

import ast
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from importlib import import_module

import pytest

from agents.commands.answer import reason
from agents.commands.feedback import liking, moment
from genre_models.classification.words import bag
from genre_models.corpora import Text
from genre_models.corpora.cleaning import is_prose, tidy, without_contacts
from genre_models.corpora.duplicates import distinct
from genre_models.files import File, documents
from genre_models.files.table import table
from genre_models.preferences.text_attributes import text_attributes
from genre_models.safety import SafetyGate, neutralise
from genre_models.text_quality import quality, shingles
from genre_models.training.gate.samples import copied
from genre_models.training.texts.examples import make_example
from genre_models.training.texts.pairs import columns
from genre_models.training.texts.requests import Request, write_requests
from genre_models.training.texts.sources import document_of
from genre_models.training.texts.two_classes import _manner
from schemas import fields
from schemas.errors import GenreError
from schemas.feedback import Feedback
from streams.wire.codecs import decode, encode
from streams.wire.headers import expiry, reply_to, trace
from tests.genre_models.tiny import make_tokenizer
from tests.genre_models.training.sentences import texts as sentences
from tests.test_architecture import MODULES, name_of, tree_of

TAIL = "x\n"  # after a run that would fit to the end
LONG, SHORTER = 2000, 800  # characters for patterns, and for what does more
SUSPECT = 0.006  # seconds for four times as many: what is quadratic takes 10 ms and more
UNITS = (
    *"a1é. \n\t\r-_!,:'\"“«()[{<|/@\0😀",
    "\u0301", "\u0315\u0300", "\u200b", "\ufdfa",
    "a ", "a.", "a-", "a_", "a@", "a'", "a@b.c+", "a.com", "A b. ", "ha", "1 ", "1-",
    "212-", "+1 ", "(212) ", "http://", "www.", "<a", "< ", "<|", "[ ", '"a', "“a", "«\n",
    " \n", "\n- ", "..a", ";)", " (+", "; quality ", "; a style", " - at `$", ".a[0]", "'a' ",
    '""', '","', "\\ud83d", "[[", '{"a":', "how to ", "tion", "laugh", "sea.",
)  # fmt: skip
# What reads pinned packages only, whose every byte has a digest.
PINNED = ("genre_models/corpora/readers.py", "genre_models/corpora/cuts/")
GATE = SafetyGate()
TOKENIZER = make_tokenizer()


def seconds(read: Callable[[str], object], text: str, runs: int) -> float:
    """The least time of this thread's own, whatever else the machine does."""
    took = []
    for _ in range(runs):
        begun = time.thread_time()
        with suppress(GenreError):
            read(text)
        took.append(time.thread_time() - begun)
    return min(took)


def quadratic(read: Callable[[str], object], units: Sequence[str], length: int) -> list[str]:
    """The units of texts that take more than twice their share when they are four times as long."""
    return [
        unit
        for unit in units
        if seconds(read, run_of(unit, 4 * length), 1) > SUSPECT
        and seconds(read, run_of(unit, 4 * length), 2)
        > 8.5 * seconds(read, run_of(unit, length), 2)
    ]


def run_of(unit: str, length: int) -> str:
    return (unit * length)[:length] + TAIL


def patterns() -> Iterator[tuple[str, re.Pattern[str]]]:
    """Every pattern of the code for text, with where it stands."""
    for path in MODULES:
        name = name_of(path)
        if name.startswith(PINNED) or path.name == "__main__.py":
            continue
        tree, known = tree_of(path), set[str]()
        module = import_module(name.removesuffix(".py").removesuffix("/__init__").replace("/", "."))
        for label, value in vars(module).items():
            if isinstance(value, re.Pattern) and isinstance(value.pattern, str):
                known.add(label)
                yield f"{name}:{label}", value
        for line, pattern, flags in written(tree, known):
            yield f"{name}:{line}", re.compile(pattern, flags)
    for label, value in vars(fields).items():
        if isinstance(value, str) and value.startswith("^"):
            yield f"schemas/fields.py:{label}", re.compile(value)


def written(tree: ast.Module, known: set[str]) -> Iterator[tuple[int, str, int]]:
    """Patterns that stand in calls, or as the token pattern of a vectorizer."""
    assigned = {
        id(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign)
        and any(isinstance(target, ast.Name) and target.id in known for target in node.targets)
    }
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        given = {keyword.arg: keyword.value for keyword in call.keywords}
        pattern = given.get("token_pattern")
        function = call.func
        if (
            isinstance(function, ast.Attribute)
            and isinstance(function.value, ast.Name)
            and function.value.id == "re"
            and function.attr not in ("escape", "Pattern")
            and id(call) not in assigned
        ):
            pattern = call.args[0]
        if isinstance(pattern, ast.Constant) and isinstance(pattern.value, str):
            yield call.lineno, pattern.value, flags_of(given.get("flags"))
        elif pattern is not None and not isinstance(pattern, ast.Constant):
            assert ast.unparse(pattern) in OF_RULES, f"{ast.unparse(pattern)}: give it a name"


OF_RULES = {  # of rules.toml and languages.toml, in `SafetyGate`, which is tried below
    "near",
    "what",
    "_words(unless, edges)",
    "_words(tables['lookalikes'])",
    "_words([every for each in entries for every in _alone(each)])",
}


def flags_of(node: ast.expr | None) -> int:
    return 0 if node is None else int(getattr(re, ast.unparse(node).removeprefix("re.")))


PATTERNS = {name: pattern for pattern, name in {each: name for name, each in patterns()}.items()}


def test_the_patterns_are_found() -> None:
    assert len(PATTERNS) > 40
    for name in ("genre_models/safety/markup.py:_MARKER", "schemas/fields.py:_ID"):
        assert name in PATTERNS
    assert any(name.startswith("genre_models/training/texts/two_classes.py") for name in PATTERNS)


@pytest.mark.parametrize("name", PATTERNS)
def test_a_pattern_takes_time_in_proportion(name: str) -> None:
    pattern = PATTERNS[name]
    assert quadratic(lambda text: sum(1 for _ in pattern.finditer(text)), UNITS, LONG) == []


def made(text: str) -> Feedback:
    event = {"user_id": "a", "kind": "history", "value": 1.0, "text": text, "genre": text}
    return decode(encode(event), Feedback)


def rows(text: str) -> object:
    return list(table(File.of(f"text,id\n{text}".encode("utf-8", "replace"), "a"), columns(None)))


def values(text: str) -> object:
    found = documents(File.of(text.encode("utf-8", "replace"), "a"))
    return [document.value() for document in found]


def header(text: str) -> object:
    names = ("ce_replyto", "ce_expirytime", "traceparent")
    headers = [(name, text.encode()) for name in names]
    return reply_to(headers, ("a",)), expiry(headers), trace(headers)


def of_corpus(read: Callable[[list[Text]], object]) -> Callable[[str], object]:
    given = sentences(3, 1)
    return lambda text: read([replace(each, text=f"{each.text} {text}") for each in given])


READERS: dict[str, Callable[[str], object]] = {
    "tidy": lambda text: tidy(text, lines=True),
    "contacts": without_contacts,
    "prose": is_prose,
    "duplicates": of_corpus(distinct),
    "attributes": text_attributes,
    "quality": quality,
    "shingles": shingles,
    "markers": neutralise,
    "words": bag,
    "copied": lambda text: copied([text], [text]),
    "event": made,
    "headers": header,
    "table": rows,
    "documents": values,
    "bytes": lambda text: File.of(text.encode("cp1252", "replace"), "a"),
    "document": document_of,
    "moment": moment,
    "liking": liking,
    "reason": reason,
}


@pytest.mark.parametrize("name", READERS)
def test_a_reader_takes_time_in_proportion(name: str) -> None:
    assert quadratic(READERS[name], UNITS, SHORTER) == []


SLOWER: dict[str, Callable[[str], object]] = {
    "request": GATE.check_request,
    "text": lambda text: GATE.check_text(text, None),
    "requests": of_corpus(lambda texts: write_requests(texts, 1)),
    "example": lambda text: make_example(TOKENIZER, "a", Request("sea", "sea laugh why"), text),
    "manner": lambda text: _manner([text]),
}


@pytest.mark.parametrize("name", SLOWER)
def test_what_takes_longer_takes_time_in_proportion(name: str) -> None:
    units = ("\u0315\u0300", "a ", "a.", "a_", "how to ", "hack into a", "(a) ", "sea.", "sea")
    assert quadratic(SLOWER[name], units, SHORTER // 2) == []


def test_what_is_quadratic_is_seen() -> None:
    assert quadratic(re.compile(r"[.]+(?:\s|$)").findall, "a.", SHORTER) == ["."]
    assert quadratic(re.compile(r"<[a-z][^>]*>").findall, ("<a", "a"), LONG) == ["<a"]
    assert quadratic(lambda text: [one for one in text for _ in text], "a", SHORTER // 4) == ["a"]
