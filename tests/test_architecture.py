"""Rules that no linter checks: who may read the environment, print, unpickle or import what."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import agents
from streams.wire.roles import ROLES

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
# Laws about a whole folder: no one module of it could lend them its name.
LAWS = {
    "genre_models/engine/test_vllm.py",  # the engine on a real server, where there is one
    "genre_models/preferences/test_imports.py",  # the folder needs no deep learning
    "schemas/test_every_event.py",
    "schemas/test_golden.py",  # every event as each version wrote it
    "schemas/test_limits.py",  # every field of every event
    "streams/clients/test_private_names.py",  # of aiokafka, which the folder uses
    "streams/worker/test_private_names.py",  # of Faust
}
# Every longer module has the tests of its name (events of schemas/ have laws for all of them), but
# for these. The list only gets shorter.
SHORT = 60  # lines
WITHOUT_TESTS = {
    # Run whole, by tests/end_to_end or not at all so far; all show their help in test_main.py.
    "agents/commands/ask.py",
    "agents/commands/generate.py",
    "agents/commands/rebuild.py",  # see also agents/recommend/test_rebuild.py
    "agents/commands/tail.py",
    "agents/commands/topics.py",
    "agents/commands/user.py",
    # Writes with the real engine for minutes; its parts are under tests/genre_models/judging.
    "genre_models/judging/__main__.py",
    # Declarations, that others are tested with.
    "genre_models/corpora/pinned.py",  # packages: names, versions, digests
    "genre_models/engine/generation.py",  # the interface of every engine
    "genre_models/engine/native/structs.py",  # fields of decode.c, by test_native_llama.py
    # Under the same tests as its other half.
    "genre_models/training/session.py",  # test_job.py
    "genre_models/preferences/moments.py",  # test_row.py, test_learner.py
    "genre_models/preferences/posterior.py",  # test_profile.py, test_estimator.py
    "genre_models/preferences/text_attributes.py",  # test_features.py
}
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
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name):
            yield call.func.id


def calls_of(tree: ast.Module, names: set[str]) -> Iterator[ast.Call]:
    """Where a file calls one of these bare names."""
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in names:
            yield call


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


ARRAYS = {
    *(
        "npz",
        "npy",
        "safetensors",
        "gguf",
        "onnx",
        "pt",
        "pth",
        "ckpt",
        "h5",
        "hdf5",
        "tflite",
        "pb",
    ),
    *(
        "bin",
        "dat",
        "pkl",
        "pickle",
        "joblib",
        "msgpack",
        "parquet",
        "arrow",
        "feather",
        "gz",
        "xz",
    ),
    *("bz2", "zst", "zip", "tar"),
}


def test_no_weights_are_kept_in_git_but_those_of_starters() -> None:
    """Others are fetched, or fitted from what can be read (`genre prepare`)."""
    listed = subprocess.run(["git", "ls-files", "-z"], capture_output=True, text=True, cwd=ROOT)
    if listed.returncode:
        pytest.skip("this copy of the code is no repository")
    kept = [name for name in listed.stdout.split("\0") if Path(name).suffix[1:].lower() in ARRAYS]
    starter = "genre_models/adapters/starter/*/adapter_model.safetensors"
    assert kept and [name for name in kept if not Path(name).match(starter)] == []


LOG = {"debug", "info", "warning", "error", "critical", "exception"}


def test_logs_are_given_errors_themselves_not_their_words() -> None:
    """`streams/logs.py` tells an error without what it quotes; a string it cannot see through."""
    told = [
        f"{name_of(path)}:{call.lineno}"
        for path in MODULES
        for call in ast.walk(tree_of(path))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and isinstance(call.func.value, ast.Name)
        and (call.func.value.id, call.func.attr in LOG) == ("log", True)
        for given in call.args
        for part in ast.walk(given)
        if isinstance(part, ast.JoinedStr)
        or (isinstance(part, ast.Call) and ast.unparse(part).startswith(("str(", "repr(")))
    ]
    assert told == []


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


def test_a_test_file_has_the_name_of_its_module() -> None:
    tests = ROOT / "tests"
    found = {
        path.relative_to(tests).as_posix()
        for package in (*PACKAGES, "benchmarks")
        for path in (tests / package).rglob("test_*.py")
    }
    strays = {name for name in found if not (ROOT / name.replace("/test_", "/")).is_file()}
    assert strays == LAWS


def test_a_module_of_some_length_has_its_test_file() -> None:
    untested = {
        name_of(path)
        for path in MODULES
        if name_of(path).partition("/")[0] != "schemas"
        and len(path.read_text("utf-8").splitlines()) > SHORT
        and not (ROOT / "tests" / path.relative_to(ROOT).with_name(f"test_{path.name}")).is_file()
    }
    assert untested == WITHOUT_TESTS


def test_what_an_agent_yields_is_encoded_before_a_test_sees_it() -> None:
    agent_names = {agent.name for role in ROLES.values() for agent in role.agents}
    for path in sorted((ROOT / "tests" / "agents").rglob("*.py")):
        tree = tree_of(path)
        imported = {node.name for node in ast.walk(tree) if isinstance(node, ast.alias)}
        encoded = {
            id(given)
            for call in calls_of(tree, {"events", "outputs", "published"})
            for given in call.args
        }
        around = [
            call.lineno
            for call in calls_of(tree, agent_names & imported)
            if id(call) not in encoded
        ]
        assert around == [], f"{name_of(path)}: through `events` or `outputs` of deliveries.py"


def test_every_consumer_reads_committed_records_only() -> None:
    read: dict[str, set[str]] = {}
    for path in EVERYTHING:
        for call in calls_of(tree_of(path), {"AIOKafkaConsumer"}):
            levels = [each.value for each in call.keywords if each.arg == "isolation_level"]
            read.setdefault(name_of(path), set()).update(map(ast.unparse, levels or [ast.Name("")]))
    # Where the arguments are put together, every consumer of the packages is made.
    assert read.pop("streams/clients/kafka.py") == {""}
    bare = {"tests/streams/clients/test_private_names.py"}
    assert {name for name in read.keys() - bare if read[name] != {"'read_committed'"}} == set()
    assert {name for name in read if name.startswith(PACKAGES)} == set()
