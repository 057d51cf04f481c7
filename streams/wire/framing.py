"""What producers put around the JSON of a value: byte order marks, frames of schema registries.

Only a value that is no JSON from its first byte on is looked at, so ordinary ones cost nothing.
"""

from __future__ import annotations

from codecs import BOM_UTF8
from dataclasses import dataclass

from schemas.errors import InvalidEvent

_COMPRESSED = {
    b"\x1f\x8b": "gzip",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\x04\x22\x4d\x18": "lz4",
    b"\xff\x06\x00\x00sNaPpY": "snappy",
    b"\x82SNAPPY\x00": "snappy",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
}
_UTF_32 = (b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff", b"{\x00\x00\x00", b"\x00\x00\x00{")
_UTF_16 = (b"\xff\xfe", b"\xfe\xff", b"{\x00", b"\x00{\x00")


@dataclass(frozen=True, slots=True)
class Frame:
    """What a registry's serializer writes before the body: `start`, then an id; `size` in all."""

    name: str
    start: bytes
    size: int

    def body(self, value: bytes) -> bytes | None:
        """What follows the frame, if that looks like a JSON object."""
        body = value[self.size :]
        is_framed = value.startswith(self.start) and body.lstrip(b" \t\r\n")[:1] == b"{"
        return body if is_framed else None


# https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/#wire-format
# https://docs.aws.amazon.com/glue/latest/dg/schema-registry.html: version 3, compression 0, a UUID
FRAMES = (
    Frame("Confluent's frame", b"\x00", 5),
    Frame("Apicurio's frame", b"\x00", 9),
    Frame("AWS Glue's frame", b"\x03\x00", 18),
)


def unframed(value: bytes) -> bytes:
    """The JSON in a value that does not begin with it; the value itself where nothing is known.

    Raises InvalidEvent that names what the value is and says what to send: not_utf8, compressed,
    schema_frame.
    """
    if value.startswith(BOM_UTF8):
        return value[len(BOM_UTF8) :]
    for encoding, marks in (("UTF-32", _UTF_32), ("UTF-16", _UTF_16)):
        if value.startswith(marks):
            raise InvalidEvent("not_utf8", f"Expected JSON in UTF-8, got {encoding}; send UTF-8.")
    compression = next((name for mark, name in _COMPRESSED.items() if value.startswith(mark)), None)
    if compression:
        raise InvalidEvent(
            "compressed",
            f"Expected JSON, got {compression} data; send the JSON itself and let the producer "
            "compress its batches (`compression.type`).",
        )
    bodies = (frame.body(value) for frame in FRAMES)
    body = next((body for body in bodies if body is not None), None)
    if body is None and value[:1] in {frame.start[:1] for frame in FRAMES}:
        raise InvalidEvent("schema_frame", _foreign(value))
    return value if body is None else body


def _foreign(value: bytes) -> str:
    known = next(frame.name for frame in FRAMES if frame.start[:1] == value[:1])
    number = f" (schema id {int.from_bytes(value[1:5])})" if value[:1] == b"\x00" else ""
    return (
        f"Expected JSON, got {known}{number} around something else, as Avro and Protobuf "
        "serializers write it; send JSON, in that frame (a JSON Schema serializer) or without."
    )
