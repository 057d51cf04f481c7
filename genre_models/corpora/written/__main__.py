"""Report on the written pairs: `python -m genre_models.corpora.written [GENRE...]`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from genre_models.corpora.written.pairs import FOLDER, written
from genre_models.corpora.written.report import TOKENS, report
from genre_models.taxonomy import Taxonomy


def main(arguments: list[str] | None = None) -> None:
    """Print what a reader should look at, genre by genre."""
    parser = argparse.ArgumentParser(
        prog="python -m genre_models.corpora.written", description=main.__doc__
    )
    parser.add_argument("genres", metavar="GENRE", nargs="*", help="default: all")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="of the .jsonl files")
    options = parser.parse_args(arguments)
    taxonomy = Taxonomy.load()
    for genre in options.genres or taxonomy.genres:
        corpus = written(genre, taxonomy.family_of(genre), options.folder)
        most = taxonomy.genres[genre].sampling.max_tokens
        lines = (
            report(corpus, most and round(most / TOKENS)).lines()
            if corpus
            else (f"{genre}: no pairs",)
        )
        sys.stdout.write("".join(f"{line}\n" for line in lines))


if __name__ == "__main__":
    main()
