"""Rules that no linter checks: who may read the environment, print, unpickle or import what."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import agents

ROOT = Path(__file__).parents[1]
PACKAGES = ("schemas", "genre_models", "streams", "agents")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
TOLD = MODULES + sorted(
    path for folder in ("benchmarks", "docs", "examples") for path in (ROOT / folder).rglob("*.py")
)
EVERYTHING = TOLD + sorted((ROOT / "tests").rglob("*.py"))

# A process that starts others hands its environment on; nothing else reads it.
MAY_READ_THE_ENVIRONMENT = {"streams/settings.py", "agents/supervisor.py"}
MAY_PRINT = ("agents/commands/", "agents/main.py")
HEAVY = ("torch", "transformers", "peft", "sklearn")


def name_of(path: Path) -> str:
    """A file as the messages of these tests call it."""
    return path.relative_to(ROOT).as_posix()


def tree_of(path: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(path.read_text("utf-8"), name_of(path))


def attributes(tree: ast.Module) -> Iterator[str]:
    """Every `module.name` in a file, imports of a name from a module included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield f"{node.value.id}.{node.attr}"
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def calls(tree: ast.Module) -> Iterator[str]:
    """The bare names that a file calls."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield node.func.id


def run(program: str) -> str:
    """What a fresh interpreter prints for a program."""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_environment_is_read_in_one_place() -> None:
    readers = {
        name_of(path)
        for path in MODULES
        if {"os.environ", "os.getenv", "os.environb"} & set(attributes(tree_of(path)))
    }
    assert readers <= MAY_READ_THE_ENVIRONMENT


def test_only_the_command_line_prints() -> None:
    printers = {name_of(path) for path in MODULES if "print" in set(calls(tree_of(path)))}
    assert [name for name in printers if not name.startswith(MAY_PRINT)] == []


def test_only_the_command_line_configures_logging() -> None:
    configurers = {
        name_of(path) for path in MODULES if "logging.basicConfig" in set(attributes(tree_of(path)))
    }
    allowed = (
        "agents/commands/",
        "agents/main.py",
        "genre_models/weights.py",
        "genre_models/training/__main__.py",
    )
    assert [name for name in configurers if not name.startswith(allowed)] == []


def test_nothing_executes_what_came_from_outside() -> None:
    dangerous = {
        "pickle.load",
        "pickle.loads",
        "torch.load",
        "joblib.load",
        "yaml.load",
        "marshal.loads",
        "os.system",
    }
    for path in MODULES:
        tree = tree_of(path)
        assert not dangerous & set(attributes(tree)), name_of(path)
        assert not {"eval", "exec", "__import__"} & set(calls(tree)), name_of(path)
        assert "trust_remote_code=True" not in path.read_text("utf-8"), name_of(path)


def test_every_module_says_what_it_is() -> None:
    silent = [
        name_of(path)
        for path in TOLD
        if path.stat().st_size and not ast.get_docstring(tree_of(path))
    ]
    assert silent == []


def test_modules_are_named_for_what_they_hold() -> None:
    vague = {"utils", "util", "helpers", "helper", "common", "misc", "manager"}
    assert [name_of(path) for path in MODULES if vague & set(path.with_suffix("").parts)] == []


def test_no_machine_is_named() -> None:
    # Written in two parts, so that this file does not name them either.
    paths = ("/" + "work/", "/" + "root/", "/" + "opt/pypi")
    named = {name_of(path): path.read_text("utf-8") for path in EVERYTHING}
    assert [name for name, content in named.items() if any(path in content for path in paths)] == []


def test_the_agents_are_ours() -> None:
    # A package of the same name exists on the package index.
    assert agents.__file__ is not None
    assert Path(agents.__file__).parent == ROOT / "agents"


@pytest.mark.parametrize(
    "module",
    [
        "agents.recommend.plan",
        "agents.recommend.rank",
        "agents.recommend.learn",
        "agents.recommend.role",
        "streams.clients.client",
    ],
)
def test_what_decides_needs_no_deep_learning(module: str) -> None:
    program = f"import sys, {module}; print(*[name for name in {HEAVY!r} if name in sys.modules])"
    assert run(program).split() == []


def test_building_the_recommend_role_needs_no_deep_learning() -> None:
    program = (
        "import sys, asyncio\n"
        "from agents.roles import build\n"
        "from streams.settings import Settings\n"
        "async def main(): build('recommend', Settings(store='memory://'))\n"
        "asyncio.run(main())\n"
        f"print(*[name for name in {HEAVY!r} if name in sys.modules])"
    )
    assert run(program).split() == []


def test_importing_everything_starts_nothing() -> None:
    names = [
        name_of(path).removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        for path in MODULES
        if path.name != "__main__.py"
    ]
    program = (
        "import socket, threading, importlib\n"
        "def refuse(*_, **__): raise AssertionError('an import started something')\n"
        "socket.socket.connect = socket.socket.bind = threading.Thread.start = refuse\n"
        f"for name in {names!r}: importlib.import_module(name)\n"
        "print(threading.active_count())"
    )
    assert run(program) == "1\n"
