"""Framing: what producers put around JSON is stepped over, or named in the letter."""

from __future__ import annotations

import bz2
import gzip
import lzma

import pytest

from schemas.errors import InvalidEvent
from schemas.requests import GenerationRequest
from streams.wire.codecs import decode

BODY = b'{"user_id": "ada", "prompt": "a joke"}'
CONFLUENT = b"\x00\x00\x00\x00\x07"
GLUE = b"\x03\x00" + bytes(range(16))


@pytest.mark.parametrize(
    "before",
    [
        b"\xef\xbb\xbf",
        CONFLUENT,
        CONFLUENT + b"\n ",
        b"\x00{}[]",
        b"\x00" + b"\x00" * 7 + b"\x09",
        GLUE,
    ],
    ids=["mark", "confluent", "space", "odd_id", "apicurio", "glue"],
)
def test_json_behind_a_mark_or_a_frame_is_read(before: bytes) -> None:
    assert decode(before + BODY, GenerationRequest).user_id == "ada"


@pytest.mark.parametrize(
    ("value", "code", "named"),
    [
        (CONFLUENT + b"\x06ada\x0ca joke", "schema_frame", "schema id 7"),
        (CONFLUENT + b"\x00\x0a\x03ada", "schema_frame", "Confluent"),
        (b"\x00", "schema_frame", "Confluent"),
        (GLUE + b"\x06ada", "schema_frame", "AWS Glue"),
        (CONFLUENT + BODY[:-1], "not_json", "end of data"),
        (gzip.compress(BODY), "compressed", "gzip"),
        (b"\x28\xb5\x2f\xfd\x04\x00", "compressed", "zstd"),
        (b"\x04\x22\x4d\x18\x64\x40", "compressed", "lz4"),
        (b"\x82SNAPPY\x00\x00", "compressed", "snappy"),
        (bz2.compress(BODY), "compressed", "bzip2"),
        (lzma.compress(BODY), "compressed", "xz"),
        *(
            (BODY.decode().encode(name), "not_utf8", name[:6].upper())
            for name in ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be")
        ),
    ],
)
def test_what_cannot_be_read_is_named_with_what_to_send(
    value: bytes, code: str, named: str
) -> None:
    with pytest.raises(InvalidEvent) as caught:
        decode(value, GenerationRequest)
    assert (caught.value.code, named in caught.value.message) == (code, True)
    assert "send" in caught.value.message or code == "not_json"
