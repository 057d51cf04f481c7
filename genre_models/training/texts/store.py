"""The texts sent for genres, on disk: a JSON Lines file a tenant and genre, each text once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from os import SEEK_END
from pathlib import Path

import msgspec

from genre_models import atomic
from genre_models.training.documents import read_json, write_json
from schemas.training import TrainingEvent

DEFAULT_TENANT = "_"  # a folder name that no tenant can have
_FILES = 256  # whose texts' digests are kept in memory: any genre can be sent
# Seconds. An erase has the time at which it was sent: one that was sent before texts were read may
# take them away afterwards.
UNDER_WAY = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SentText:
    """One text as it came.

    `user` is the key of who wrote it (None: nobody's), `time` in seconds since the epoch, `request`
    what it was the answer to, where that is known.
    """

    text: str
    time: float
    document: str | None = None
    family: str | None = None
    user: str | None = None
    request: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Contributors:
    """Whose texts an adapter was trained on, and how many more have left since.

    `inherits` tells that the users of the adapters that it went on from are among them.
    """

    users: list[str]
    erased: int
    inherits: bool = False


NOBODY = Contributors(users=[], erased=0)


class TextStore:
    """Texts below `root`.

    One process writes: `add`, `erase`, `refuse` and `accept` are what the train role does with
    events.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.expanduser()
        self._known: dict[Path, set[bytes]] = {}

    def path(self, genre: str, tenant: str | None) -> Path:
        """The file of a genre; both names match their patterns, so neither leads elsewhere."""
        return self.folder(tenant) / f"{genre}.jsonl"

    def folder(self, tenant: str | None) -> Path:
        """Where the texts of a tenant lie, once there are some."""
        return self.root / "texts" / (tenant or DEFAULT_TENANT)

    def tenants(self) -> set[str]:
        """The tenants that have sent texts, but for the default one."""
        return {folder.name for folder in self.root.glob("texts/*")} - {DEFAULT_TENANT}

    def add(self, event: TrainingEvent, *, user: str | None, time: float) -> bool:
        """Keep a text.

        False where it is there already, or its user has been erased since it was sent, or refuses.
        """
        file, text = self.path(event.genre, event.tenant), event.text or ""
        known, digest = self._digests(file), _digest(text, event.request)
        if digest in known or (user is not None and self._may_not_keep(user, time)):
            return False
        sent = SentText(
            text=text,
            time=time,
            document=event.document,
            family=event.family,
            user=user,
            request=event.request,
        )
        file.parent.mkdir(parents=True, exist_ok=True)
        _append(file, msgspec.json.encode(sent))
        known.add(digest)
        return True

    def erase(self, user: str, time: float) -> int:
        """Drop every text of a user, and what they sent before `time` when it comes.

        Returns how many there were.
        """
        write_json(self.root / "erased.json", self._erasures() | {user: time})
        return sum(self._without(file, user) for file in self.root.glob("texts/*/*.jsonl"))

    def retract(self, event: TrainingEvent, *, user: str) -> int:
        """Drop the text that a user takes back; returns how often it was there.

        Adapters that were trained on it keep it until they are trained again.
        """
        file = self.path(event.genre, event.tenant)
        return self._only(file, lambda sent: sent.user != user or sha256_of(sent) != event.digest)

    def refuse(self, user: str, time: float) -> int:
        """Drop every text of a user who withdraws consent, and those that come until they `accept`.

        Returns how many there were.
        """
        write_json(self.root / "refused.json", sorted({*self._refusals(), user}))
        return self.erase(user, time)

    def accept(self, user: str, time: float) -> None:
        """Keep what a user who refused sends after `time`."""
        if user in self._refusals():
            write_json(self.root / "erased.json", self._erasures() | {user: time})
            write_json(self.root / "refused.json", sorted({*self._refusals()} - {user}))

    def texts(self, genre: str, tenant: str | None) -> list[SentText]:
        """Everything that is kept for a genre, in the order in which it came."""
        return list(read_texts(self.path(genre, tenant)))

    def users(self, genre: str, tenant: str | None) -> set[str]:
        """Whose texts are kept for a genre."""
        return {sent.user for sent in self.texts(genre, tenant) if sent.user is not None}

    def count(self, genre: str, tenant: str | None) -> int:
        """Texts that are kept for a genre."""
        return len(self._digests(self.path(genre, tenant)))

    def attribute(
        self,
        adapter: str,
        users: set[str],
        since: float,
        *,
        parent: str | None = None,
        least: int = 0,
    ) -> int:
        """Note whose texts an adapter was trained on: its `users`, and those of its parent.

        What is noted already stays, but for who was erased `since` the texts were read. Returns
        how many have left, at `least` those that are known of elsewhere.
        """
        known = self.contributors(adapter)
        if known is None:
            before = (self.contributors(parent) if parent else None) or NOBODY
            known = replace(before, users=sorted({*before.users, *users}), inherits=True)
        erasures = self._erasures()
        left = [user for user in known.users if erasures.get(user, 0.0) < since]
        erased = max(known.erased + len(known.users) - len(left), least)
        write_json(self._contributors(adapter), replace(known, users=left, erased=erased))
        return erased

    def contributors(self, adapter: str) -> Contributors | None:
        """Whose texts an adapter was trained on; None for one that was not trained here."""
        known: Contributors | None = read_json(self._contributors(adapter), Contributors)
        return known

    def left(self, adapter: str) -> int:
        """How many users have left whose texts an adapter was trained on, as far as is known."""
        return (self.contributors(adapter) or NOBODY).erased

    def inherit(self, adapter: str, parent: str, erased: int) -> None:
        """Note the users of the adapter that another one went on from, once: ancestors first.

        Versions before did not. `erased` is what is said of an adapter that was not trained here.
        """
        before, known = self.contributors(parent), self.contributors(adapter)
        if before is not None and not (known and known.inherits):
            known = known or Contributors(users=[], erased=erased)
            users = sorted({*known.users, *before.users})
            write_json(self._contributors(adapter), replace(known, users=users, inherits=True))

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
                self._contributors(adapter),
                replace(known, users=left, erased=known.erased + 1),
            )

    def _contributors(self, adapter: str) -> Path:
        return self.root / "contributors" / f"{adapter}.json"

    def _without(self, file: Path, user: str) -> int:
        return self._only(file, lambda sent: sent.user != user)

    def _only(self, file: Path, stays: Callable[[SentText], bool]) -> int:
        texts = list(read_texts(file))
        kept = [text for text in texts if stays(text)]
        self._write(file, kept)
        return len(texts) - len(kept)

    def _write(self, file: Path, texts: list[SentText]) -> None:
        """Leave these texts, and no line that a kill cut short: it may be anybody's."""
        content = msgspec.json.Encoder().encode_lines(texts)
        if file.exists() and file.read_bytes() != content:
            atomic.write(file, content)
            self._known.pop(file, None)

    def _digests(self, file: Path) -> set[bytes]:
        known = self._known.pop(file, None)
        if known is None:
            texts = list(read_texts(file))
            self._write(file, texts)
            known = {_digest(sent.text, sent.request) for sent in texts}
        self._known[file] = known  # the last one used is the last one to go
        while len(self._known) > _FILES:
            del self._known[next(iter(self._known))]
        return known

    def _may_not_keep(self, user: str, time: float) -> bool:
        return time <= self._erasures().get(user, 0.0) or user in self._refusals()

    def _refusals(self) -> list[str]:
        refusals: list[str] = read_json(self.root / "refused.json", list[str]) or []
        return refusals

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


def _append(file: Path, line: bytes) -> None:
    """Add a line, also behind one that a kill or a full disk has cut short."""
    with file.open("a+b") as lines:
        end = lines.seek(0, SEEK_END)
        lines.seek(max(0, end - 1))
        lines.write(b"\n" * (end > 0 and lines.read(1) != b"\n") + line + b"\n")


def sha256_of(sent: SentText) -> str:
    """By which a text is taken back, and its document where none is named."""
    return hashlib.sha256(sent.text.encode()).hexdigest()


def _digest(text: str, request: str | None) -> bytes:
    said = text if request is None else f"{text} \0 {request}"
    return hashlib.blake2b(" ".join(said.split()).encode(), digest_size=16).digest()
