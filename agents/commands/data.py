"""`genre data`: corpora from pinned packages, and texts labelled as others are; needs no Kafka."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from agents.commands.bar import bar
from agents.commands.setup import print_json, settings
from agents.commands.terminal import say
from genre_models.classification.examples import Example
from genre_models.classification.text_classifier import TextClassifier, fitted
from genre_models.corpora import EXTRACTORS, is_fetched, load_corpus, load_prepared
from genre_models.encoder import SentenceEncoder
from genre_models.files import Columns, Document, File, Row, rows
from genre_models.files.table import by_folded_names
from genre_models.packages import DEFAULT_CACHE
from genre_models.weights import prepare_encoder
from schemas.errors import ModelError, Rejected

cli = typer.Typer(
    help="Fetch, list and label texts by genre, to train adapters on.", no_args_is_help=True
)

Cache = Annotated[Path, typer.Option(help="Folder of packages and texts.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object a genre.")]

_TEXTS = Columns(read=frozenset({"text"}), fit=lambda names: "text" in names, expected="a text")
_EXAMPLES = Columns(
    read=frozenset({"text", "label", "source"}),
    fit=lambda names: {"text", "label"} <= names,
    expected="columns text and label",
)
_TOGETHER = 128  # texts that are labelled at a time
_SHOWN = 8  # labels of a text


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


@cli.command()
def label(
    examples: Annotated[
        Path, typer.Argument(help="Texts with labels: a table with a header, or JSON lines.")
    ],
    texts: Annotated[Path, typer.Argument(help="Texts without: the same.")],
) -> None:
    """Label texts by examples: JSON lines, in the order of the texts.

    Columns are text, label, and source (an author, a file) where known: probabilities are
    calibrated on sources that were left out. One example a label does, ten are better; 2,000 in all
    tune an encoder, in minutes. A blank text or a broken line of JSON gets a line with an `error`.
    """
    given = list(_texts(_read(texts)))
    learned = list(_examples(_read(examples)))
    with bar("texts") as advance:
        encoder = SentenceEncoder.load(prepare_encoder(settings().models))
        classifier = fitted(learned, encoder)
        for start in range(0, len(given), _TOGETHER):
            for answer in _labelled(given[start : start + _TOGETHER], classifier):
                print_json(answer)
            advance(min(start + _TOGETHER, len(given)), len(given))


def _read(path: Path) -> File:
    """Raises Rejected `no_source` or `bad_source`."""
    file = File.read(path)
    for note in file.notes:
        say(f"{path}: {note}", err=True)
    return file


def _examples(file: File) -> Iterator[Example]:
    """Raises Rejected `bad_source` for the first line that is none."""
    for row in rows(file, _EXAMPLES):
        cells = _cells(row)
        said = str(cells.get("source") or "").strip()
        source = _word(row, cells, "source").strip() if said else ""
        yield Example(_word(row, cells, "text"), _word(row, cells, "label").strip(), source)


def _texts(file: File) -> Iterator[tuple[int, str | Rejected]]:
    """Each text, or why there is none, and its line."""
    for row in rows(file, _TEXTS):
        try:
            yield row.line, _word(row, _cells(row), "text")
        except Rejected as error:
            yield row.line, error


def _cells(row: Row | Document) -> Mapping[str, Any]:
    """By folded names. Raises Rejected `bad_source`."""
    found = row.value()
    if not isinstance(found, Mapping):
        raise row.file.refused(row.line, "an object with a text", f"{found!r:.40}")
    try:
        return by_folded_names(found)
    except ValueError as error:
        raise row.file.refused(row.line, "each name once", str(error)) from error


def _word(row: Row | Document, cells: Mapping[str, Any], name: str) -> str:
    """A cell that says something; a number says itself. Raises Rejected `bad_source`."""
    found = cells.get(name)
    if isinstance(found, str | int | float) and not isinstance(found, bool) and str(found).strip():
        return str(found)
    got = "none" if found is None else f"{found!r:.40}"
    raise row.file.refused(row.line, f"a {name} that is not blank", got)


def _labelled(
    given: Sequence[tuple[int, str | Rejected]], classifier: TextClassifier
) -> Iterator[dict[str, Any]]:
    texts = [each for _, each in given if isinstance(each, str)]
    rows = iter(classifier.probabilities(texts) if texts else np.empty((0, 0)))
    for line, each in given:
        if isinstance(each, Rejected):
            error = {"code": each.code, "message": each.message}
            yield {"line": line, "text": None, "error": error}
            continue
        row: NDArray[np.floating] = next(rows)
        first, *others = [
            {"label": classifier.classes[place], "probability": round(float(row[place]), 6)}
            for place in np.argsort(-row, kind="stable")[:_SHOWN]
        ]
        yield {"line": line, "text": each, **first, "alternatives": others}


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
