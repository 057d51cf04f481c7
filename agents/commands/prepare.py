"""`genre prepare`: fetch and convert the models, once."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

from agents.base_model import stocked_store
from agents.commands.bar import bar
from agents.commands.setup import settings
from agents.commands.terminal import say
from agents.coverage import missing
from streams.settings import Settings


def prepare() -> None:
    """Fetch and convert the models, once.

    These are the base model that GENRE_BASE names and the encoders; the classifier and the score of
    harm are fitted to written requests. Later calls only say what is there. The hub is asked for a
    base that is not prepared, by nothing else. With GENRE_ENGINE=auto the integers are measured on
    a base model that they have not been measured on.
    """
    from agents.generate.writer import engine_of
    from genre_models.adapters import BaseSpec
    from genre_models.bases.facts import Facts
    from genre_models.devices import device_of
    from genre_models.engine.fidelity import ensure
    from genre_models.weights import prepare_base, prepare_encoder, prepare_multilingual

    given = settings()
    with bar("base model"):
        base = prepare_base(given.base, given.models)
    say(f"base model: {base}")
    for line in Facts.of(base).lines():
        say(f"            {line}")
    say(f"            fingerprint {BaseSpec.load(base).fingerprint[:12]}")
    store = stocked_store(given)
    lacking, genres = missing(store, given), sorted({name.genre for name in store.names()})
    say(f"adapters:   {', '.join(genres) or 'none for this base model'}")
    if lacking is not None:
        say(f"            {lacking}")
    with bar("encoder"):
        folder = prepare_encoder(given.models)
    say(f"encoder:    {folder}")
    with bar("multilingual"):
        prepare_multilingual(given.models)
    fit(given)
    say("classifier: ready\nsafety:     ready")
    if not is_tuned(given):
        say("            without second opinions: `genre safety tune` makes them")
    if given.engine == "auto" and device_of(given.device) == "cpu":
        with bar("engine") as advance:
            ensure(base, advance)
    say(f"engine:     {': '.join(engine_of(given))}")


def fit(given: Settings) -> None:
    """Fit what is learned from written requests, where that has not been done.

    Raises ModelError where the encoders are not prepared.
    """
    from agents.genres.classifiers import load_classifier
    from genre_models.encoder import SentenceEncoder
    from genre_models.multilingual import MultilingualEncoder
    from genre_models.safety import load_score
    from genre_models.taxonomy import Taxonomy

    multilingual = MultilingualEncoder(given.models / "multilingual")
    # The multilingual encoder has a core for as long as the other one has the rest.
    rest = max((os.cpu_count() or 1) - 1, 1)
    with bar("classifier and safety"), ThreadPoolExecutor(1) as beside:
        encoder = SentenceEncoder.load(given.models / "encoder", threads=rest)
        score = beside.submit(load_score, given.models, encoder, multilingual)
        load_classifier(given, Taxonomy.load(), encoder, multilingual=multilingual)
        score.result()


def is_tuned(given: Settings) -> bool:
    """Whether there are second opinions on harm."""
    from genre_models.safety.score_files import ScoreFiles

    return ScoreFiles.of(given.models).are_tuned


def is_fitted(given: Settings) -> bool:
    """Whether `fit` has nothing to do."""
    from agents.genres.classifiers import classifier_file
    from genre_models.safety.score_files import ScoreFiles
    from genre_models.taxonomy import Taxonomy

    scores = ScoreFiles.of(given.models)
    files = [classifier_file(given, Taxonomy.load()), scores.english]
    if (given.models / "multilingual").is_dir():
        files.append(scores.others)
    return all(each.is_file() for each in files)
