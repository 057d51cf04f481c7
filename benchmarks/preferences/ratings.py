"""Two sets of film ratings by real people, from pinned packages; research only, never committed."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from genre_models.packages import DEFAULT_CACHE, Package, fetch

RECBOLE = Package(
    client="pip",
    name="recbole",
    version="1.2.1",
    licence="MIT; MovieLens-100K: research only",
    sha256="9c9948202011f37eb0a7c6768129313f00d6403ad221ec940d5e2d5d5f33a407",
)
DSLABS = Package(
    client="apt",
    name="r-cran-dslabs",
    version="0.7.4-1",
    licence="Artistic-2.0; MovieLens latest-small: research only",
    sha256="c3f93382c44d4581de9561792a87b110cb239c70771cac5ad63fa0a259e71ef3",
)

LIKED = 4.0
"""Stars from which a rating counts as a like."""


@dataclass(frozen=True, slots=True, eq=False)
class Ratings:
    """One rating a row, in the order of time.

    `users`, `items` and `likes` [n]; `genres` [items, g] of zeros and ones.
    """

    users: npt.NDArray[np.intp]
    items: npt.NDArray[np.intp]
    likes: npt.NDArray[np.float64]
    genres: npt.NDArray[np.float64]
    names: tuple[str, ...]

    def of_user(self) -> list[npt.NDArray[np.intp]]:
        """The rows of every user."""
        order = np.argsort(self.users, kind="stable")
        return np.split(order, np.flatnonzero(np.diff(self.users[order])) + 1)


@lru_cache(maxsize=1)
def movielens_100k() -> Ratings:
    """943 users, 100,000 ratings, 18 genres."""
    folder = fetch(RECBOLE, DEFAULT_CACHE) / "recbole/dataset_example/ml-100k"
    films = {row[0]: row[3].split() for row in _table(folder / "ml-100k.item")}
    rows = [
        (row[0], row[1], float(row[2]), float(row[3])) for row in _table(folder / "ml-100k.inter")
    ]
    return _ratings(rows, films)


@lru_cache(maxsize=1)
def movielens_small() -> Ratings:
    """671 users, 100,004 ratings. Needs the package rdata (`pip install '.[bench]'`)."""
    frame = _r_object(
        fetch(DSLABS, DEFAULT_CACHE) / "usr/lib/R/site-library/dslabs/data/Rdata", "movielens"
    )
    films = {
        str(film): str(genres).split("|")
        for film, genres in zip(frame["movieId"], frame["genres"], strict=True)
    }
    columns = (frame["userId"], frame["movieId"], frame["rating"], frame["timestamp"])
    return _ratings(
        [(str(u), str(i), float(r), float(t)) for u, i, r, t in zip(*columns, strict=True)], films
    )


def _ratings(rows: list[tuple[str, str, float, float]], films: dict[str, list[str]]) -> Ratings:
    rows.sort(key=lambda row: (row[3], row[0], row[1]))
    names = tuple(
        sorted(
            {genre for genres in films.values() for genre in genres}
            - {"unknown", "(no genres listed)"}
        )
    )
    users = {user: number for number, user in enumerate(sorted({row[0] for row in rows}))}
    items = {item: number for number, item in enumerate(sorted({row[1] for row in rows}))}
    return Ratings(
        users=np.array([users[row[0]] for row in rows]),
        items=np.array([items[row[1]] for row in rows]),
        likes=np.array([float(row[2] >= LIKED) for row in rows]),
        genres=np.array([[float(name in films.get(item, ())) for name in names] for item in items]),
        names=names,
    )


def _table(path: Path) -> list[list[str]]:
    """Tab-separated rows below the header."""
    return [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()[1:]]


def _r_object(database: Path, name: str) -> Any:
    """One object of R's lazy-load database.

    The database is an index, and zlib-compressed serialisations behind their lengths.
    """
    import rdata

    def read(data: bytes) -> Any:
        return rdata.conversion.convert(rdata.parser.parse_data(data, extension=".rds"))

    start, length = map(int, read(database.with_suffix(".rdx").read_bytes())["variables"][name])
    with database.with_suffix(".rdb").open("rb") as file:
        file.seek(start)
        return read(zlib.decompress(file.read(length)[4:]))
