"""`genre prepare`: fetch and convert the models, once."""

from __future__ import annotations

import typer

from agents.commands.setup import settings


def prepare() -> None:
    """Fetch and convert the models, once.

    These are the base model that GENRE_BASE names, the encoder and the classifier's head; later
    calls only say what is there. The hub is asked for a base that is not prepared, by nothing else.
    """
    from agents.genres.classifiers import load_classifier
    from genre_models.adapters import AdapterStore, BaseSpec, add_starters
    from genre_models.bases.facts import Facts
    from genre_models.encoder import SentenceEncoder
    from genre_models.taxonomy import Taxonomy
    from genre_models.weights import prepare_base, prepare_encoder

    given = settings()
    base = prepare_base(given.base, given.models)
    typer.echo(f"base model: {base}")
    for line in Facts.of(base).lines():
        typer.echo(f"            {line}")
    store = AdapterStore(given.adapters, BaseSpec.load(base))
    add_starters(store)
    genres = sorted({name.genre for name in store.names()})
    typer.echo(f"adapters:   {', '.join(genres) or _NONE}")
    typer.echo(f"encoder:    {prepare_encoder(given.models)}")
    encoder = SentenceEncoder.load(given.models / "encoder", threads=given.model_threads)
    load_classifier(given, Taxonomy.load(), encoder)
    typer.echo("classifier: ready")


_NONE = "none for this base model: it writes without, as the log says"
