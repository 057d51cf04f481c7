"""`python -m genre_models.corpora [GENRE ...]`: fetch corpora into the cache and say what they hold."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from genre_models.corpora import EXTRACTORS, load_corpus

DEFAULT_CACHE = Path("~/.cache/genre/corpora")


def main(arguments: list[str] | None = None) -> None:
    """Fetch the corpora of the genres named, or of all."""
    parser = argparse.ArgumentParser(prog="python -m genre_models.corpora", description=__doc__)
    parser.add_argument("genres", nargs="*", default=list(EXTRACTORS), metavar="GENRE")
    parser.add_argument("--cache", type=Path, default=DEFAULT_CACHE)
    options = parser.parse_args(arguments)
    for genre in options.genres:
        corpus = load_corpus(genre, options.cache)
        counts = f"{len(corpus.training):6} training {len(corpus.held_out):5} held out"
        sys.stdout.write(f"{genre:22} {counts}  {corpus.licence}  {EXTRACTORS[genre].source}\n")


if __name__ == "__main__":
    main()
