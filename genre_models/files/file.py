"""One file that somebody gives, with its text and what people should know about how it was read."""

from __future__ import annotations

import gzip
import io
import zlib
from dataclasses import dataclass
from pathlib import Path

from genre_models.files.encoding import decoded
from schemas.errors import Rejected

MOST = 512 * 1024 * 1024  # bytes, also after decompression: a file is read as a whole
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """`suffix` is in lower case and without `.gz`; lines in `text` end in `\\n`."""

    name: str
    suffix: str
    text: str
    notes: tuple[str, ...] = ()

    @classmethod
    def read(cls, path: Path) -> File:
        """Raises Rejected `no_source` or `bad_source`."""
        try:
            if path.is_dir():
                raise Rejected("no_source", f"Expected a file, got the folder {path}.")
            with path.open("rb") as file:
                data = file.read(MOST + 1)
        except (OSError, ValueError) as error:  # ValueError: a NUL in the name
            why = error.strerror if isinstance(error, OSError) else error
            raise Rejected(
                "no_source", f"Expected a file that can be read, got {path}: {why}."
            ) from error
        return cls.of(data, path.name)

    @classmethod
    def of(cls, data: bytes, name: str) -> File:
        """What `data` says, unpacked where it is gzip. Raises Rejected `bad_source`."""
        if data.startswith(_GZIP):
            data = _unpacked(data, name)
        if len(data) > MOST:
            raise Rejected(
                "bad_source", f"Expected at most {MOST} bytes in {name}, got more: split it."
            )
        text, notes = decoded(data, name)
        if not text.strip():
            raise Rejected("bad_source", f"Expected text in {name}, got an empty file.")
        path = Path(name.lower())
        suffix = Path(path.stem).suffix if path.suffix == ".gz" else path.suffix
        return cls(name=name, suffix=suffix, text=text, notes=tuple(notes))

    @property
    def is_json(self) -> bool:
        """Whether it holds JSON: by its content, and where that may be anything by its name."""
        named = self.suffix in (".jsonl", ".ndjson", ".json")
        return named or self.text.lstrip().startswith(("{", "["))

    def refused(self, line: int, expected: str, got: str) -> Rejected:
        """The error that names a line: `expected` and `got` in words, with what to do."""
        return Rejected(
            "bad_source", f"Expected {expected} in line {line} of {self.name}, got {got}."
        )


def _unpacked(data: bytes, name: str) -> bytes:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
            return file.read(MOST + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise Rejected(
            "bad_source", f"Expected whole gzip data in {name}, got: {error}. Copy it again."
        ) from error
