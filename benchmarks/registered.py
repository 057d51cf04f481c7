"""A store with any number of adapters: the starters' weights again and again, each time renamed."""

from __future__ import annotations

import json
from pathlib import Path

from genre_models.adapters import AdapterName, AdapterStore, BaseSpec, digest_of
from genre_models.adapters.files import CARD, CONFIG, TENSORS
from genre_models.adapters.name import POOLED
from genre_models.adapters.store import STARTER


def registered(root: Path, base: BaseSpec, number: int) -> tuple[AdapterStore, list[str]]:
    """(store below `root`, names of its `number` adapters), 2.5 MB each.

    Copies differ in their card alone.
    """
    store, names = AdapterStore(root / "store", base), []
    starters = [
        folder for folder in sorted(STARTER.iterdir()) if folder.is_dir() and folder.name != POOLED
    ]
    for index in range(number):
        names.append(_register(store, starters[index % len(starters)], index))
    return store, names


def _register(store: AdapterStore, folder: Path, index: int) -> str:
    card = json.loads((folder / CARD).read_bytes())
    card["metrics"]["copy"] = index
    files = {name: (folder / name).read_bytes() for name in (CONFIG, TENSORS)} | {
        CARD: json.dumps(card).encode()
    }
    name = str(AdapterName(card["genre"], digest_of(files)[:12]))
    target = store.root / name
    target.mkdir(parents=True)
    for file, content in files.items():
        (target / file).write_bytes(content)
    return name
