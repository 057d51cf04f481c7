"""The texts sent for genres, on disk: a JSON Lines file a tenant and genre, each text once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from genre_models import atomic
from genre_models.training.documents import read_json, write_json
from schemas.training import TrainingEvent

DEFAULT_TENANT = "_"  # a folder name that no tenant can have


@dataclass(frozen=True, slots=True, kw_only=True)
class SentText:
    """One text as it came.

    `user` is the key of who wrote it (None: nobody's), `time` in seconds since the epoch.
    """

    text: str
    time: float
    document: str | None = None
    family: str | None = None
    user: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Contributors:
    """Whose texts an adapter was trained on, and how many more users have been erased since."""

    users: list[str]
    erased: int


class TextStore:
    """Texts below `root`.

    One process writes: `add` and `erase` are what the train role does with events.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.expanduser()
        self._known: dict[Path, set[bytes]] = {}

    def path(self, genre: str, tenant: str | None) -> Path:
        """The file of a genre; both names match their patterns, so neither leads elsewhere."""
        return self.root / "texts" / (tenant or DEFAULT_TENANT) / f"{genre}.jsonl"

    def add(self, event: TrainingEvent, *, user: str | None, time: float) -> bool:
        """Keep a text.

        False where it is there already, or its user has been erased since it was sent.
        """
        file, text = self.path(event.genre, event.tenant), event.text or ""
        known, digest = self._digests(file), _digest(text)
        if digest in known or (user is not None and time <= self._erasures().get(user, 0.0)):
            return False
        sent = SentText(
            text=text, time=time, document=event.document, family=event.family, user=user
        )
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("ab") as lines:
            lines.write(msgspec.json.encode(sent) + b"\n")
        known.add(digest)
        return True

    def erase(self, user: str, time: float) -> int:
        """Drop every text of a user, and what they sent before `time` when it comes.

        Returns how many there were.
        """
        write_json(self.root / "erased.json", self._erasures() | {user: time})
        return sum(self._without(file, user) for file in self.root.glob("texts/*/*.jsonl"))

    def texts(self, genre: str, tenant: str | None) -> list[SentText]:
        """Everything that is kept for a genre, in the order in which it came."""
        return list(read_texts(self.path(genre, tenant)))

    def users(self, genre: str, tenant: str | None) -> set[str]:
        """Whose texts are kept for a genre."""
        return {sent.user for sent in self.texts(genre, tenant) if sent.user is not None}

    def count(self, genre: str, tenant: str | None) -> int:
        """Texts that are kept for a genre."""
        return len(self._digests(self.path(genre, tenant)))

    def attribute(self, adapter: str, users: set[str], since: float) -> int:
        """Note whose texts an adapter was trained on.

        Returns how many of those were erased `since` they were read.
        """
        erasures = self._erasures()
        gone = {user for user in users if erasures.get(user, 0.0) >= since}
        write_json(
            self._contributors(adapter), Contributors(users=sorted(users - gone), erased=len(gone))
        )
        return len(gone)

    def holding(self, user: str) -> dict[str, Contributors]:
        """The adapters that were trained on texts of a user."""
        files = sorted((self.root / "contributors").glob("*.json"))
        known: dict[str, Contributors] = {
            file.stem: read_json(file, Contributors) for file in files
        }
        return {adapter: each for adapter, each in known.items() if user in each.users}

    def disown(self, user: str) -> None:
        """Forget which adapters a user's texts are in; only the number of such users is kept."""
        for adapter, known in self.holding(user).items():
            left = [each for each in known.users if each != user]
            write_json(
                self._contributors(adapter), Contributors(users=left, erased=known.erased + 1)
            )

    def _contributors(self, adapter: str) -> Path:
        return self.root / "contributors" / f"{adapter}.json"

    def _without(self, file: Path, user: str) -> int:
        texts = list(read_texts(file))
        kept = [text for text in texts if text.user != user]
        if len(kept) < len(texts):
            atomic.write(file, msgspec.json.Encoder().encode_lines(kept))
            self._known.pop(file, None)
        return len(texts) - len(kept)

    def _digests(self, file: Path) -> set[bytes]:
        if file not in self._known:
            self._known[file] = {_digest(sent.text) for sent in read_texts(file)}
        return self._known[file]

    def _erasures(self) -> dict[str, float]:
        erasures: dict[str, float] = read_json(self.root / "erased.json", dict[str, float]) or {}
        return erasures


def read_texts(file: Path) -> Iterator[SentText]:
    """The texts of a file, but for a line that a kill cut short: its event is delivered again."""
    for line in file.read_bytes().splitlines() if file.exists() else ():
        try:
            yield msgspec.json.decode(line, type=SentText)
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue


def _digest(text: str) -> bytes:
    return hashlib.blake2b(" ".join(text.split()).encode(), digest_size=16).digest()
