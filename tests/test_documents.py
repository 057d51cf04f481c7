"""What README.md, ARCHITECTURE.md, CONTRIBUTING.md and the pages of docs name is there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.recipes import created

ROOT = Path(__file__).parents[1]
DOCUMENTS = (
    *("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"),
    *sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob("docs/*.md")),
)
FILES = {path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*.*")}
MODULE = re.compile(r"(?:schemas|genre_models|streams|agents|benchmarks|tests)(?:\.\w+)+")
NEW = created((ROOT / "CONTRIBUTING.md").read_text("utf-8"))

every_document = pytest.mark.parametrize("name", DOCUMENTS)


def read(name: str) -> str:
    """A document without its blocks of code."""
    return re.sub(r"^ *```.*?^ *```", "", (ROOT / name).read_text("utf-8"), flags=re.M | re.S)


def words(document: str) -> Iterator[str]:
    """Every word in backticks; `<...>` and `*` stand for something else and are left out."""
    for span in re.findall(r"`([^`]+)`", document):
        yield from (word for word in span.split() if not set("<>*") & set(word))


def is_path(word: str) -> bool:
    """Whether a word names something in the tree, or a Python file somewhere."""
    top, slash, _ = word.partition("/")
    return (
        bool(slash and top and (ROOT / top).is_dir()) or re.fullmatch(r"\w+\.py", word) is not None
    )


def exists(path: str) -> bool:
    """Whether a path is in the tree; a bare file name may be anywhere in it."""
    return (ROOT / path).exists() or any(known.endswith(f"/{path}") for known in FILES)


def is_module(name: str) -> bool:
    """Whether a dotted name is a package or a module, or something in one."""
    path = ROOT / name.replace(".", "/")
    return path.is_dir() or any(each.with_suffix(".py").exists() for each in (path, path.parent))


@every_document
def test_every_path_exists(name: str) -> None:
    paths = {word.rstrip(",;") for word in words(read(name)) if is_path(word)}
    assert [path for path in sorted(paths - NEW) if not exists(path)] == []


@every_document
def test_every_module_exists(name: str) -> None:
    modules = {word for word in words(read(name)) if MODULE.fullmatch(word)}
    assert [module for module in sorted(modules) if not is_module(module)] == []


@every_document
def test_what_is_said_to_be_in_a_file_is_in_it(name: str) -> None:
    said = re.findall(r"`([\w.]+)` (?:of|in) `([\w/.]+\.py)`", read(name))
    missing = [
        (what, path)
        for what, path in said
        if (ROOT / path).exists()
        and what.rpartition(".")[2] not in (ROOT / path).read_text("utf-8")
    ]
    assert missing == []
