"""Data sets and Parquet files, with stand-ins for the packages that read them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from genre_models.training.texts.data_set import data_set, parquet
from schemas.errors import Rejected

ROWS = [{"text": "one"}, {"text": None}]


@pytest.fixture
def datasets(monkeypatch: pytest.MonkeyPatch) -> Any:
    module: Any = ModuleType("datasets")
    monkeypatch.setitem(sys.modules, "datasets", module)
    return module


@pytest.mark.parametrize("splits", [{"train": ROWS, "test": []}, {"test": ROWS}, ROWS])
def test_the_split_is_train_or_the_only_one(datasets: Any, splits: Any) -> None:
    datasets.load_dataset = {"jokes": splits}.__getitem__
    assert list(data_set("jokes")) == [(1, ROWS[0]), (2, ROWS[1])]


def test_a_saved_folder_is_read_from_disk(datasets: Any, tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text("{}")
    datasets.load_from_disk = {str(tmp_path): ROWS}.__getitem__
    assert len(list(data_set(str(tmp_path)))) == 2


def test_a_missing_split_names_those_that_there_are(datasets: Any) -> None:
    datasets.load_dataset = lambda name: {"test": ROWS, "validation": ROWS}
    with pytest.raises(Rejected, match="split train in the data set jokes, got test, validation"):
        list(data_set("jokes"))


def test_whatever_fails_is_one_line(datasets: Any) -> None:
    def fail(name: str) -> None:
        raise ConnectionError("no route\nto the host")

    datasets.load_dataset = fail
    with pytest.raises(Rejected, match=r"loads as jokes, got ConnectionError: no route\.$"):
        list(data_set("jokes"))


class FakeFile:
    def __init__(self, path: Path) -> None:
        if path.read_bytes()[:4] != b"PAR1":
            raise sys.modules["pyarrow"].ArrowException("no magic bytes")

    def __enter__(self) -> FakeFile:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def iter_batches(self) -> Iterator[Any]:
        batch: Any = type("Batch", (), {"to_pylist": lambda self: ROWS})()
        return iter([batch, batch])


def test_parquet_is_read_in_batches_or_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    arrow: Any = ModuleType("pyarrow")
    tables: Any = ModuleType("pyarrow.parquet")
    arrow.ArrowException, tables.ParquetFile = type("ArrowException", (Exception,), {}), FakeFile
    monkeypatch.setitem(sys.modules, "pyarrow", arrow)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", tables)
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    assert [number for number, _ in parquet(tmp_path / "a.parquet")] == [1, 2, 3, 4]
    (tmp_path / "b.parquet").write_bytes(b"text")
    with pytest.raises(Rejected, match=r"a Parquet file, got b\.parquet: .*no magic bytes"):
        list(parquet(tmp_path / "b.parquet"))


def test_without_the_packages_it_says_which(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(Rejected, match="pip install datasets"):
        list(data_set("jokes"))
    with pytest.raises(Rejected, match="pip install pyarrow"):
        list(parquet(tmp_path / "a.parquet"))
