"""A real Apache Kafka for tests, where one is found: `GENRE_TEST_KAFKA`, or a starter script beside
the checkout."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
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
    given = [word for name in options for word in ("--set", f"{name}={options[name]}")]
    told = subprocess.run(
        [str(script), "start", str(folder), *given], check=True, capture_output=True, text=True
    )
    try:
        yield json.loads(told.stdout)["bootstrap"]
    finally:
        subprocess.run(
            [str(script), "stop", str(folder), "--kill"], check=True, capture_output=True
        )
