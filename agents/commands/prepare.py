"""`genre prepare`: fetch and convert the models, once."""

from __future__ import annotations

import typer

from agents.commands.setup import settings


def prepare() -> None:
    """Fetch and convert the models, once.

    These are the base model, the encoder and the classifier's head; later calls do nothing.
    """
    from agents.genres.classifiers import load_classifier
    from genre_models.encoder import SentenceEncoder
    from genre_models.taxonomy import Taxonomy
    from genre_models.weights import prepare_base, prepare_encoder

    given = settings()
    typer.echo(f"base model: {prepare_base(None, given.models)}")
    typer.echo(f"encoder:    {prepare_encoder(given.models)}")
    encoder = SentenceEncoder.load(given.models / "encoder", threads=given.model_threads)
    load_classifier(given, Taxonomy.load(), encoder)
    typer.echo("classifier: ready")
