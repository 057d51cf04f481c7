"""The private names of Faust and aiokafka that a package of ours uses, found in its source."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

LIBRARIES = ("faust.", "mode.", "aiokafka.")


def private_names(room: ModuleType) -> set[str]:
    """Every name with one leading underscore that a package's modules import from a library, read
    or set on another object, or share with a class of a library that they extend."""
    found: set[str] = set()
    for file in Path(str(room.__file__)).parent.glob("*.py"):
        module = importlib.import_module(f"{room.__name__}.{file.stem}")
        found.update(_of_module(ast.parse(file.read_text("utf-8")), module))
    return found


def _of_module(tree: ast.Module, module: ModuleType) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.ImportFrom() if str(node.module).startswith(LIBRARIES):
                yield from (alias.name for alias in node.names if _is_private(alias.name))
            case ast.Attribute() if _is_private(node.attr) and not _is_own(node.value):
                yield node.attr
            case ast.ClassDef():
                extended = _sources(getattr(module, node.name))
                names = _names(node)
                yield from (name for name in names if re.search(rf"\b{name}\b", extended))


def _names(declared: ast.ClassDef) -> set[str]:
    """What a class defines, and what it reads or sets on itself."""
    defined = {each.name for each in declared.body if isinstance(each, ast.AsyncFunctionDef)}
    defined |= {each.name for each in declared.body if isinstance(each, ast.FunctionDef)}
    read = {each.attr for each in ast.walk(declared) if isinstance(each, ast.Attribute)}
    return set(filter(_is_private, defined | read))


def _sources(kind: type) -> str:
    """The sources of the libraries' classes that a class extends."""
    return "\n".join(
        inspect.getsource(base) for base in kind.__mro__ if base.__module__.startswith(LIBRARIES)
    )


def _is_own(value: ast.expr) -> bool:
    """Whether an attribute is taken from the object itself, or from its part of its class."""
    return isinstance(value, ast.Name) and value.id in ("self", "cls")


def _is_private(name: str) -> bool:
    return re.match(r"_[^_]", name) is not None
