"""What names a base model: nothing, a folder, a GGUF file, or a name on the Hugging Face hub."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from schemas.errors import ModelError

Kind = Literal["packaged", "prepared", "folder", "gguf", "hub"]

TAKEN = (
    "config.json",
    "generation_config.json",
    "model*.safetensors",
    "model.safetensors.index.json",
    "tokenizer*",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab*",
    "merges.txt",
    "chat_template*",
    "*.model",
    "README.md",
)
"""Patterns of the files of a model's folder that are used: no pickles, no code, no adapters."""

_HUB = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)?(@[\w.][\w./-]*)?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a base model comes from; `path` is None for the packaged one and those on the hub."""

    kind: Kind
    name: str
    path: Path | None = None

    @classmethod
    def parse(cls, text: str, models: Path) -> Source:
        """What GENRE_BASE says, where `models` is the folder of the prepared ones.

        A file or folder that is there comes before a name on the hub. Raises ModelError
        `base_unavailable` for what can be neither.
        """
        text = text.strip()
        path = Path(text).expanduser()
        if not text:
            return cls(kind="packaged", name="")
        if path.is_dir():
            path = path.resolve()
            within = path.parent == models.expanduser().resolve()
            prepared = within and (path / "fingerprint.txt").is_file()
            return cls(kind="prepared" if prepared else "folder", name=text, path=path)
        if path.is_file() and path.suffix == ".gguf":
            return cls(kind="gguf", name=text, path=path.resolve())
        if _HUB.fullmatch(text) and not path.exists() and path.suffix != ".gguf":
            return cls(kind="hub", name=text)
        raise ModelError(
            "base_unavailable",
            "expected GENRE_BASE to be a model's folder, a .gguf file or NAME@REVISION on the "
            f"Hugging Face hub, got {text!r}, which is none that is here",
        )

    def __str__(self) -> str:
        return self.name or "that comes with GENRE"

    def folder(self, models: Path) -> Path:
        """Where it lies prepared, or will; another content of the same path is another folder."""
        if self.kind == "prepared" and self.path is not None:
            return self.path
        return models.expanduser() / (
            "base" if self.kind == "packaged" else f"base-{self._identity()}"
        )

    def files(self) -> Iterator[Path]:
        """The files of its folder that are used, or the one file, in the order of their names."""
        if self.path is not None and self.path.is_dir():
            found = {file for pattern in TAKEN for file in self.path.glob(pattern)}
            yield from sorted(file for file in found if file.is_file())
        elif self.path is not None:
            yield self.path

    def _identity(self) -> str:
        """A changed file is another model; a name on the hub is what it says."""
        stamps = [
            f"{file.name}:{file.stat().st_size}:{file.stat().st_mtime_ns}" for file in self.files()
        ]
        place = self.name if self.path is None else str(self.path)
        return hashlib.sha256("\n".join([place, *stamps]).encode()).hexdigest()[:12]
