"""Files of arrays, whole and damaged."""

from __future__ import annotations

import io
import struct
import zipfile
from typing import Any

import numpy as np
import pytest

from genre_models.arrays import unpacked


def packed(**arrays: Any) -> bytes:
    target = io.BytesIO()
    np.savez_compressed(target, **arrays)
    return target.getvalue()


def test_arrays_come_back() -> None:
    found = unpacked(packed(one=np.arange(3), two=np.zeros((2, 2), np.float16)))
    assert found.keys() == {"one", "two"} and found["one"].tolist() == [0, 1, 2]
    assert found["two"].dtype == np.float16


@pytest.mark.parametrize(
    "data", [b"", b"PK\x03\x04", b"\x80\x04.", packed(one=np.array([{}], object))[:-1]]
)
def test_other_files_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="no arrays: "):
        unpacked(data)


def test_objects_are_not_unpickled() -> None:
    with pytest.raises(ValueError, match=r"no arrays: .*allow_pickle"):
        unpacked(packed(one=np.array([{}], object)))


def test_whichever_byte_is_wrong_nothing_else_is_raised() -> None:
    whole, chance, refused = packed(one=np.arange(400), two=np.ones(3)), np.random.default_rng(0), 0
    for place in chance.integers(len(whole), size=2000):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << chance.integers(8)
        try:
            unpacked(bytes(damaged))
        except ValueError:
            refused += 1
    assert refused > 500


@pytest.mark.parametrize("header", [b"{'descr': (\n", b"  {\n}\n ]\n", b"{'descr': '<i8L'\n"])
def test_a_header_that_is_no_python_is_refused(header: bytes) -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as file:
        file.writestr("one.npy", b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header)
    with pytest.raises(ValueError, match="no arrays: "):
        unpacked(target.getvalue())
