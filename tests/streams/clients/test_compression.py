"""All of Kafka's codecs are read; damaged data and bombs are named, and end nothing."""

from __future__ import annotations

import random
import sys
from typing import Any

import cramjam
import pytest
from aiokafka import codec

from schemas.errors import NotReady
from streams.clients import compression
from streams.clients.compression import Unpackable, require_codecs, unpack

PACK: dict[int, Any] = {
    1: codec.gzip_encode,
    2: codec.snappy_encode,
    3: codec.lz4_encode,
    4: codec.zstd_encode,
}
RECORDS = random.Random(1).randbytes(50_000) + b"text " * 100_000


@pytest.mark.parametrize("number", PACK)
@pytest.mark.parametrize("records", [b"", b"genre", RECORDS], ids=["nothing", "little", "much"])
def test_what_clients_pack_is_unpacked(number: int, records: bytes) -> None:
    assert unpack(number, bytes(PACK[number](records))) == records


def test_snappy_without_javas_frames_is_unpacked() -> None:
    assert unpack(2, bytes(codec.snappy_encode(RECORDS, xerial_compatible=False))) == RECORDS


@pytest.mark.parametrize("number", PACK)
def test_damaged_data_is_named(number: int) -> None:
    packed = bytes(PACK[number](RECORDS))
    for damaged in (packed[: len(packed) // 2], b"\xff" * 40, b"garbage"):
        with pytest.raises(Unpackable, match="damaged"):
            unpack(number, damaged)


@pytest.mark.parametrize("number", PACK)
def test_a_bomb_is_not_unpacked(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compression, "MOST_BYTES", 2**20)
    assert len(unpack(number, bytes(PACK[number](bytes(2**20))))) == 2**20
    with pytest.raises(Unpackable, match="more than 1048576 bytes"):
        unpack(number, bytes(PACK[number](bytes(2**20 + 1))))


def test_a_bomb_takes_no_more_memory_than_is_allowed() -> None:
    packed = bytes(cramjam.zstd.compress(bytes(2**28)))
    assert len(packed) < 20_000
    with pytest.raises(Unpackable, match="more than"):
        unpack(4, packed)


def test_an_unknown_codec_is_named() -> None:
    with pytest.raises(Unpackable, match="unknown compression codec, 6"):
        unpack(6, b"")


def test_every_codec_works_here() -> None:
    require_codecs()


@pytest.mark.parametrize("broken", [None, object()], ids=["missing", "broken"])
def test_a_codec_that_does_not_work_is_one_line(
    monkeypatch: pytest.MonkeyPatch, broken: object
) -> None:
    monkeypatch.setitem(sys.modules, "cramjam", broken)
    with pytest.raises(NotReady) as caught:
        require_codecs()
    assert caught.value.code == "no_codec" and "snappy" in caught.value.message
    assert "\n" not in caught.value.message
