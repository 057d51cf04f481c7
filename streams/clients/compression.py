"""Kafka's four compression codecs, bounded: a small batch must not fill the memory.

aiokafka unpacks a batch of a few kilobytes to as many gigabytes as it claims to hold.
"""

from __future__ import annotations

import gzip
import io
import struct
from collections.abc import Callable
from typing import Any

from schemas.errors import NotReady

MOST_BYTES = 64 * 2**20
"""Of a batch when it is unpacked: sixteen times the largest record."""

# The smallest batch of each codec: the word `genre`, packed. Whoever reads these reads all.
_SAMPLES = {
    "gzip": "1f8b08000000000002034b4fcd2b4a0500f833508305000000",
    "snappy": "051067656e7265",
    "lz4": "04224d187040ad0500008067656e726559f2eefb00000000",
    "zstd": "28b52ffd200529000067656e7265",
}
_XERIAL = bytes([0x82]) + b"SNAPPY\x00" + struct.pack(">ii", 1, 1)


class Unpackable(Exception):
    """Why a batch cannot be unpacked, in words that quote nothing of it."""


def unpack(codec: int, data: bytes) -> bytes:
    """The records of a batch that `codec` (1-4, as in its attributes) has compressed.

    Raises Unpackable where they are damaged, of no known codec, or more than `MOST_BYTES`.
    """
    if codec not in _UNPACK:
        raise Unpackable(f"an unknown compression codec, {codec}")
    name, unpacked = _UNPACK[codec]
    try:
        return unpacked(data)
    except Unpackable:
        raise
    except Exception as error:
        raise Unpackable(f"damaged {name} data") from error


def require_codecs() -> None:
    """Check that every codec works here. Raises NotReady (no_codec) otherwise."""
    for name, unpacked in _UNPACK.values():
        try:
            works = unpacked(bytes.fromhex(_SAMPLES[name])) == b"genre"
        except Exception as error:
            raise _no_codec(name, f"{type(error).__name__}: {error}") from error
        if not works:
            raise _no_codec(name, "other bytes than were packed")


def _no_codec(name: str, got: str) -> NotReady:
    return NotReady(
        "no_codec",
        f"Expected to read batches compressed with {name}, got {got}; "
        "install the package cramjam again, for instance with `make install`.",
    )


def _gzip(data: bytes) -> bytes:
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as members:
        whole = members.read(MOST_BYTES + 1)
    if len(whole) > MOST_BYTES:
        raise _too_much()
    return whole


def _snappy(data: bytes) -> bytes:
    if not data.startswith(_XERIAL):
        return _snappy_block(data, MOST_BYTES)
    whole, at = bytearray(), len(_XERIAL)
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        at += 4 + length
        whole += _snappy_block(data[at - length : at], MOST_BYTES - len(whole))
    return bytes(whole)


def _snappy_block(block: bytes, room: int) -> bytes:
    import cramjam

    if cramjam.snappy.decompress_raw_len(block) > room:
        raise _too_much()
    return bytes(cramjam.snappy.decompress_raw(block))


def _lz4(data: bytes) -> bytes:
    import cramjam

    return _into_growing_room(cramjam.lz4.decompress_into, data)


def _zstd(data: bytes) -> bytes:
    import cramjam

    return _into_growing_room(cramjam.zstd.decompress_into, data)


def _into_growing_room(unpack_into: Callable[[bytes, bytearray], int], data: bytes) -> bytes:
    """Unpacked in as little room as holds it: damaged data and too little room look alike."""
    room = max(2**16, 8 * len(data))
    while True:
        room = min(room, MOST_BYTES)
        whole = bytearray(room)
        try:
            return bytes(memoryview(whole)[: unpack_into(data, whole)])
        except Exception as error:
            if "whole buffer" not in str(error):
                raise
            if room == MOST_BYTES:
                raise _too_much() from error
        room *= 4


def _too_much() -> Unpackable:
    return Unpackable(f"more than {MOST_BYTES} bytes when unpacked")


_UNPACK: dict[int, tuple[str, Callable[[bytes], Any]]] = {
    1: ("gzip", _gzip),
    2: ("snappy", _snappy),
    3: ("lz4", _lz4),
    4: ("zstd", _zstd),
}
