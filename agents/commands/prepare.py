"""`genre prepare`: fetch and convert the models, once."""

from __future__ import annotations

import typer

from agents.commands.bar import bar
from agents.commands.setup import settings


def prepare() -> None:
    """Fetch and convert the models, once.

    These are the base model, the encoder and the classifier's head; later calls do nothing. With
    GENRE_ENGINE=auto the integers are measured on a base model that they have not been measured on.
    """
    from agents.generate.writer import engine_of
    from agents.genres.classifiers import load_classifier
    from genre_models.encoder import SentenceEncoder
    from genre_models.engine.fidelity import ensure
    from genre_models.taxonomy import Taxonomy
    from genre_models.weights import prepare_base, prepare_encoder

    given = settings()
    with bar("base model"):
        base = prepare_base(None, given.models)
    typer.echo(f"base model: {base}")
    with bar("encoder"):
        folder = prepare_encoder(given.models)
    typer.echo(f"encoder:    {folder}")
    with bar("classifier"):
        encoder = SentenceEncoder.load(folder, threads=given.model_threads)
        load_classifier(given, Taxonomy.load(), encoder)
    typer.echo("classifier: ready")
    if given.engine == "auto":
        with bar("engine") as advance:
            ensure(base, advance)
    typer.echo(f"engine:     {': '.join(engine_of(given))}")
