"""A folder of adapters, each under its own name: what lies there was verified on its way in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from genre_models import atomic
from genre_models.adapters.card import AdapterCard, read_card
from genre_models.adapters.files import CARD, read_files
from genre_models.adapters.name import PATTERN, AdapterName
from genre_models.adapters.sites import BaseSpec
from genre_models.adapters.verification import Adapter, check_adapter, read_adapter
from schemas.errors import ModelError

STARTER = Path(__file__).parent / "starter"


class AdapterStore:
    """Content-addressed adapters below `root`; of those, the ones for one base model.

    Several processes may share a root: a folder appears complete or not at all, and never changes.
    """

    def __init__(self, root: Path, base: BaseSpec) -> None:
        self.root = root.expanduser()
        self.base = base
        self._of_base: dict[str, bool] = {}

    def names(self) -> list[AdapterName]:
        """Every adapter here for this base model, ordered by genre and digest."""
        if not self.root.is_dir():
            return []
        return sorted(
            AdapterName.parse(path.name)
            for path in self.root.iterdir()
            if PATTERN.fullmatch(path.name) and self._is_of_base(path)
        )

    def _is_of_base(self, path: Path) -> bool:
        """What cannot be read counts as this base's: using it says what is wrong."""
        if path.name not in self._of_base:
            try:
                said = read_card((path / CARD).read_bytes()).base
            except (OSError, ModelError):
                return True
            self._of_base[path.name] = said == self.base.fingerprint
        return self._of_base[path.name]

    def newest(self, genre: str) -> AdapterName | None:
        """The adapter of a genre that was added last, or None."""
        of_genre = [name for name in self.names() if name.genre == genre]
        return max(
            of_genre, key=lambda name: (self.path(name).stat().st_mtime_ns, name), default=None
        )

    def made_of(
        self, genre: str, data: str, recipe: Mapping[str, Any], tenant: str | None = None
    ) -> AdapterName | None:
        """The adapter that the same texts (their digest) and the same recipe have made, or None.

        The precision follows the machine, and makes no other adapter.
        """
        wanted = {**recipe, "bf16": None}
        for name in self.names():
            if name.genre == genre and (card := self._card(name)) is not None:
                lineage = card.lineage
                same = (lineage.data, {**lineage.recipe, "bf16": None}) == (data, wanted)
                if same and card.tenant == tenant:
                    return name
        return None

    def _card(self, name: AdapterName) -> AdapterCard | None:
        """Of an adapter that is whole."""
        try:
            return self.verified(name).card
        except ModelError:
            return None

    def path(self, name: AdapterName) -> Path:
        """The folder of an adapter that is here.

        Raises ModelError `adapter_missing` or `adapter_path`.
        """
        path = self.root / str(AdapterName.parse(str(name)))
        if not path.is_dir():
            raise ModelError(
                "adapter_missing",
                f"expected an adapter in the store, got {name}, which is not there",
            )
        if path.resolve().parent != self.root.resolve():
            raise ModelError(
                "adapter_path", f"expected {name} inside the store, got a link out of it"
            )
        return path

    def verified(self, name: AdapterName) -> Adapter:
        """Read an adapter and check its bytes again: disks rot, and folders are tampered with."""
        return read_adapter(self.path(name), self.base, name.digest)

    def add(self, folder: Path, digest: str | None = None) -> AdapterName:
        """Verify `folder`, and its digest where one was announced, and copy it in.

        Adding it again changes nothing.
        """
        return self.put(read_files(folder), digest)

    def put(self, files: Mapping[str, bytes], digest: str | None = None) -> AdapterName:
        """The same for the contents of the three files. Raises ModelError and OSError."""
        name = check_adapter(files, self.base, digest).name
        atomic.make_once(self.root / str(name), lambda target: _write(target, files))
        return name


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    folder.mkdir()
    for file, content in files.items():
        (folder / file).write_bytes(content)


def add_starters(store: AdapterStore) -> list[AdapterName]:
    """Put the adapters that come with GENRE into `store`, unless it is for another base model."""
    added = []
    for folder in sorted(path for path in STARTER.iterdir() if _is_whole(path)):
        try:
            added.append(store.add(folder))
        except ModelError as error:
            if error.code != "adapter_wrong_base":
                raise
    return added


def _is_whole(path: Path) -> bool:
    """No file, and nothing that is being made, or that a kill has left half made."""
    return path.is_dir() and "." not in path.name
