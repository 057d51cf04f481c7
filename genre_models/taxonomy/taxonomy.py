"""The two-level taxonomy: immutable, and grown by making a new one."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from hashlib import sha256
from importlib import resources
from itertools import combinations
from types import MappingProxyType
from typing import Any, TypeVar

import msgspec

from genre_models.endings import Ending
from genre_models.taxonomy.codes import NEAR, allot, code, nearness
from genre_models.taxonomy.genre import Genre, invalid
from schemas.errors import Rejected
from schemas.parts import SamplingParameters

P = TypeVar("P", SamplingParameters, Ending)

_OUTSIDE = "outside.toml"


class Taxonomy:
    """Genres by id, families by name, and requests that belong `outside` every genre.

    >>> taxonomy = Taxonomy.load()
    >>> taxonomy.family_of("joke"), "joke" in taxonomy, "humour" in taxonomy
    ('humour', True, False)
    """

    def __init__(self, genres: Iterable[Genre], outside: Iterable[str] = ()) -> None:
        by_id: dict[str, Genre] = {}
        families: dict[str, tuple[str, ...]] = {}
        for genre in genres:
            if genre.id in by_id:
                raise invalid(f"expected every genre once, got '{genre.id}' twice")
            by_id[genre.id] = genre
            families[genre.family] = (*families.get(genre.family, ()), genre.id)
        self.genres: Mapping[str, Genre] = MappingProxyType(by_id)
        self.families: Mapping[str, tuple[str, ...]] = MappingProxyType(families)
        self.outside = tuple(outside)

    @staticmethod
    @cache
    def load() -> Taxonomy:
        """The taxonomy that comes with this package, read once.

        Raises Rejected `genre_invalid` for genres whose codes are too near each other.
        """
        files = sorted(resources.files(__package__).iterdir(), key=lambda file: file.name)
        tables = {
            file.name: tomllib.loads(file.read_text("utf-8"))
            for file in files
            if file.name.endswith(".toml")
        }
        outside = tables.pop(_OUTSIDE)["requests"]
        taxonomy = Taxonomy(
            (
                _genre(id, name.removesuffix(".toml"), table)
                for name, family in tables.items()
                for id, table in family.items()
            ),
            outside,
        )
        taxonomy.check_codes()
        return taxonomy

    def __contains__(self, genre_id: object) -> bool:
        return genre_id in self.genres

    def family_of(self, genre_id: str) -> str:
        """The family of a genre. Raises Rejected `unknown_genre`."""
        if genre_id not in self.genres:
            raise Rejected(
                "unknown_genre",
                f"expected a genre of the taxonomy, got '{genre_id}'; `genre genres` lists them",
            )
        return self.genres[genre_id].family

    def with_genre(self, genre: Genre) -> Taxonomy:
        """This taxonomy with one genre added, or replaced when its id is known already."""
        return Taxonomy({**self.genres, genre.id: genre}.values(), self.outside)

    def check_codes(self) -> None:
        """Raises Rejected `genre_invalid` where the codes of two genres are too near.

        The message says what to write into which file.
        """
        codes = {genre.id: code(genre.id, genre.salt) for genre in self.genres.values()}
        for pair in combinations(codes, 2):
            near = nearness(*(codes[id] for id in pair))
            if near >= NEAR:
                raise invalid(
                    f"expected the codes of genres to have cosines below {NEAR}, got {near:.2f} "
                    f"for '{pair[0]}' and '{pair[1]}': add to the newer one's table the line "
                    f"{', or '.join(map(self._cure, pair))}"
                )

    def _cure(self, genre: str) -> str:
        others = {other.id: other.salt for other in self.genres.values() if other.id != genre}
        return f"`salt = {allot(genre, others)}` ([{genre}] in {self.family_of(genre)}.toml)"

    @property
    def digest(self) -> str:
        """sha256 (64 hex digits) over all that a classifier learns from."""
        lines = [
            f"{genre.id}\t{genre.family}\t{genre.description}\t{genre.requests}\t{genre.texts}"
            for genre in self.genres.values()
        ]
        return sha256("\n".join([*lines, repr(self.outside)]).encode()).hexdigest()


def _genre(id: str, family: str, table: dict[str, Any]) -> Genre:
    """Raises Rejected `genre_invalid` when a key is missing or unknown."""
    try:
        parts = {
            "requests": tuple(table["requests"]),
            "texts": tuple(table.get("texts", ())),
            "sampling": _checked(SamplingParameters(**table.get("sampling", {}))),
            "ending": _checked(Ending(**table.get("ending", {}))),
        }
        return Genre(id=id, family=family, **{**table, **parts})
    except msgspec.ValidationError as error:
        raise invalid(f"expected other numbers or words for genre '{id}': {error}") from error
    except (KeyError, TypeError) as error:
        raise invalid(
            f"expected description, instruction, requests and what a `Genre` has besides for genre "
            f"'{id}', got {sorted(table)}: {error}"
        ) from error


def _checked(part: P) -> P:
    return msgspec.convert(msgspec.to_builtins(part), type(part))
