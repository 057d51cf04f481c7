"""`genre prepare`: fetch and convert the models, once."""

from __future__ import annotations

import typer

from agents.commands.bar import bar
from agents.commands.setup import settings


def prepare() -> None:
    """Fetch and convert the models, once.

    These are the base model that GENRE_BASE names, the encoder and the classifier's head; later
    calls only say what is there. The hub is asked for a base that is not prepared, by nothing else.
    With GENRE_ENGINE=auto the integers are measured on a base model that they have not been
    measured on.
    """
    from agents.generate.writer import engine_of
    from agents.genres.classifiers import load_classifier
    from genre_models.adapters import AdapterStore, BaseSpec, add_starters
    from genre_models.bases.facts import Facts
    from genre_models.encoder import SentenceEncoder
    from genre_models.engine.fidelity import ensure
    from genre_models.taxonomy import Taxonomy
    from genre_models.weights import prepare_base, prepare_encoder

    given = settings()
    with bar("base model"):
        base = prepare_base(given.base, given.models)
    typer.echo(f"base model: {base}")
    for line in Facts.of(base).lines():
        typer.echo(f"            {line}")
    store = AdapterStore(given.adapters, BaseSpec.load(base))
    add_starters(store)
    genres = sorted({name.genre for name in store.names()})
    typer.echo(f"adapters:   {', '.join(genres) or _NONE}")
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


_NONE = "none for this base model: it writes without, as the log says"
