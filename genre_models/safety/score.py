"""The score of harm as the gate has it: fitted once, from what is written, and kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from hashlib import sha256
from pathlib import Path

from genre_models.encoder import LayeredEncoder
from genre_models.fitted import load_or_fit
from genre_models.safety.examples import known_words, learned_from
from genre_models.safety.learned import Learned, Score
from genre_models.safety.reading import Reader

_FORMAT = 3  # raised with any change of how it is learned or packed

Scores = Callable[[Sequence[str]], Sequence[Score]]
"""One score each of texts that were read."""


def load_score(models: Path, encoder: LayeredEncoder) -> Scores:
    """The score from the models' folder; else fitted now, and kept there."""
    learned = load_or_fit(
        score_file(models),
        lambda: _fitted(encoder).to_bytes(),
        Learned.from_bytes,
        takes="some minutes (`genre prepare` does it ahead)",
    )
    return partial(learned.scores, encoder=encoder)


def score_file(models: Path) -> Path:
    """Where the score lies once it is fitted; the name changes with what it is learned from."""
    digest = sha256(repr([_FORMAT, learned_from()]).encode()).hexdigest()
    return models / f"safety-{digest[:16]}.npz"


def _fitted(encoder: LayeredEncoder) -> Learned:
    """Fitted on the written requests, each as the gate would read it."""
    from genre_models.safety.fitting import fitted  # with scikit-learn, which else nobody needs

    reader, examples = Reader(known_words()), learned_from()
    return fitted(examples, [reader.restored(each.text) for each in examples], encoder)
