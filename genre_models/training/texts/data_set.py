"""Rows of Hugging Face data sets and Parquet files, where the packages for them are installed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

from schemas.errors import Rejected

Rows = Iterator[tuple[int, Mapping[str, Any]]]


def data_set(name: str) -> Rows:
    """(number from 1, row) of the split `train`, or of the only one; `name` may be a folder.

    Raises Rejected `no_source` or `bad_source`.
    """
    try:
        import datasets
    except ImportError as error:
        raise _without("datasets", "a Hugging Face data set") from error
    saved = any((Path(name) / file).is_file() for file in ("state.json", "dataset_dict.json"))
    try:
        found = datasets.load_from_disk(name) if saved else datasets.load_dataset(name)
    except Exception as error:  # of whatever kind: the network's, a script's, a format's
        raise Rejected(
            "no_source", f"Expected a data set that loads as {name}, got {_first_line(error)}."
        ) from error
    yield from enumerate(_split(found, name), 1)


def parquet(path: Path) -> Rows:
    """(number from 1, row) of a Parquet file. Raises Rejected `no_source` or `bad_source`."""
    try:
        import pyarrow
        from pyarrow.parquet import ParquetFile
    except ImportError as error:
        raise _without("pyarrow", f"the Parquet file {path.name}") from error
    try:
        with ParquetFile(path) as file:
            yield from enumerate(
                chain.from_iterable(batch.to_pylist() for batch in file.iter_batches()), 1
            )
    except (OSError, pyarrow.ArrowException) as error:
        raise Rejected(
            "bad_source",
            f"Expected a Parquet file, got {path.name}: {_first_line(error)}.",
        ) from error


def _split(found: Any, name: str) -> Any:
    if not isinstance(found, Mapping):
        return found
    if "train" not in found and len(found) != 1:
        raise Rejected(
            "bad_source",
            f"Expected a split train in the data set {name}, got {', '.join(map(str, found))}: "
            "save the one that you mean as .jsonl or .csv.",
        )
    return found["train"] if "train" in found else next(iter(found.values()))


def _without(package: str, what: str) -> Rejected:
    return Rejected(
        "no_source",
        f"Expected the package `{package}` to read {what}, got none: pip install {package}.",
    )


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:200] if lines else ''}".rstrip(" :.")
