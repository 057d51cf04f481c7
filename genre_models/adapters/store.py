"""A folder of adapters, each under its own name: what lies there was verified on its way in."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

from genre_models import atomic
from genre_models.adapters.card import read_card
from genre_models.adapters.files import CARD, read_files
from genre_models.adapters.name import PATTERN, AdapterName
from genre_models.adapters.sites import BaseSpec
from genre_models.adapters.verification import Adapter, check_adapter, read_adapter
from schemas.errors import ModelError

log = logging.getLogger(__name__)

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
    """Put the adapters that come with GENRE into `store`, unless it is for another base model.

    The log then says so, once.
    """
    added, others = [], 0
    for folder in sorted(path for path in STARTER.iterdir() if path.is_dir()):
        try:
            added.append(store.add(folder))
        except ModelError as error:
            if error.code != "adapter_wrong_base":
                raise
            others += 1
    if others:
        log.warning(
            "%d adapters that come with GENRE are left out: they are of another base model. Their "
            "genres are written without; `python -m genre_models.training GENRE --base BASE "
            "--out DIR` and `genre adapters publish DIR` make one for this base",
            others,
        )
    return added
