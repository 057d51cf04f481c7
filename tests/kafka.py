"""A real Apache Kafka for tests, where one is found: `GENRE_TEST_KAFKA`, or a starter script beside
the checkout."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

_BESIDE = Path(__file__).resolve().parents[2] / "shared" / "kafka" / "kafka"
NOT_FOUND = (
    "no Apache Kafka found: set GENRE_TEST_KAFKA to an address "
    "or GENRE_KAFKA_STARTER to a starter script"
)


def starter() -> Path | None:
    """The starter script, if there is one."""
    named = Path(os.environ.get("GENRE_KAFKA_STARTER", str(_BESIDE)))
    return named if named.exists() else None


def is_found() -> bool:
    """Whether tests on Apache Kafka can run here."""
    return "GENRE_TEST_KAFKA" in os.environ or starter() is not None


@dataclass(frozen=True, slots=True)
class Cluster:
    """A Kafka of a test's own, to be stopped, frozen and killed."""

    folder: Path
    address: str
    nodes: dict[int, int]
    """The pid of every broker."""

    def signal(self, number: int) -> None:
        """Send every broker a signal."""
        for pid in self.nodes.values():
            os.kill(pid, number)

    def stop(self, *node: int) -> None:
        """Kill every broker, or one."""
        _run("stop", str(self.folder), *map(str, node), "--kill")

    def start(self) -> None:
        """Start again, with the data, what does not run."""
        self.nodes.update(_cluster(self.folder, _run("start", str(self.folder))).nodes)


@contextmanager
def cluster(folder: Path, *options: str) -> Iterator[Cluster]:
    """A Kafka that is started in `folder` with options of the starter script, for one module."""
    started = _cluster(folder, _run("start", str(folder), *options))
    try:
        yield started
    finally:
        started.stop()


def _cluster(folder: Path, told: str) -> Cluster:
    known = json.loads(told)
    nodes = {int(node): pid for node, pid in known["nodes"].items()}
    return Cluster(folder, known["bootstrap"], nodes)


def _run(*arguments: str) -> str:
    script = starter()
    assert script is not None, NOT_FOUND
    command = [str(script), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@contextmanager
def kafka(folder: Path) -> Iterator[str]:
    """The address of a Kafka: the one that is named, or one that is started in `folder` and stopped
    afterwards."""
    if "GENRE_TEST_KAFKA" in os.environ:
        yield os.environ["GENRE_TEST_KAFKA"]
        return
    with started(folder) as address:
        yield address


@contextmanager
def started(folder: Path, options: Mapping[str, object] = MappingProxyType({})) -> Iterator[str]:
    """The address of a Kafka of one's own, with these broker settings, until the block ends."""
    script = starter()
    assert script is not None, NOT_FOUND
    # Sessions of seconds: tests do not wait as long as production does.
    settings = {"group.min.session.timeout.ms": 1000, **options}
    given = [word for name in settings for word in ("--set", f"{name}={settings[name]}")]
    told = subprocess.run(
        [str(script), "start", str(folder), *given], check=True, capture_output=True, text=True
    )
    try:
        yield json.loads(told.stdout)["bootstrap"]
    finally:
        subprocess.run(
            [str(script), "stop", str(folder), "--kill"], check=True, capture_output=True
        )
