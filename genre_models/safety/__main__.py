"""Fit the score of harm that comes with GENRE: `python -m genre_models.safety`, about two minutes.

`python -m benchmarks.safety` measures it, on requests that are not learned from.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from genre_models.encoder import SentenceEncoder
from genre_models.safety.examples import known_words, learned_from
from genre_models.safety.fitting import fitted
from genre_models.safety.learned import FILE
from genre_models.safety.reading import Reader
from schemas.cache import cache_folder


def main(to: Annotated[Path, typer.Option(help="File to write.")] = FILE) -> None:
    """Fit on the written requests, each as the gate would read it."""
    encoder = SentenceEncoder.load(cache_folder("models") / "encoder")
    reader, examples = Reader(known_words()), learned_from()
    texts = [reader.restored(each.text) for each in examples]
    learned = fitted(examples, texts, encoder)
    learned.save(to)
    typer.echo(
        f"{len(examples)} requests, harmful from {learned.threshold:.3f} on, "
        f"{to.stat().st_size >> 10} kB in {to.name}"
    )


if __name__ == "__main__":
    typer.run(main)
