"""The score of harm as the gate has it: fitted once, from what is written, and kept."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path

from genre_models.classification.written.requests import ENGLISH
from genre_models.encoder import SideBySide, TunableEncoder
from genre_models.fitted import load_or_fit
from genre_models.multilingual import Multilingual
from genre_models.normal_forms import normalised
from genre_models.safety.examples import (
    Example,
    known_words,
    learned_from,
    learned_in_languages,
    texts_apart,
    texts_learned_from,
)
from genre_models.safety.learned import Encode, Learned, Opinion, Score, opinion_of, unreadable
from genre_models.safety.letters import visible
from genre_models.safety.reading import Reader
from schemas.errors import ModelError

log = logging.getLogger(__name__)

_FORMAT = 8  # raised with any change of how it is learned or packed
_TAKES = "minutes, on two cores three quarters of an hour (`genre prepare` does it ahead)"


@dataclass(slots=True, kw_only=True)
class Scores:
    """Scores of requests: by what they say in English and, where one is in another language, by
    what they say in that, too; and of texts in English.
    """

    english: Callable[[Sequence[str]], Sequence[Score]]
    """Of requests as a `Reader` restores them."""
    texts: Callable[[Sequence[str]], Sequence[Score]]
    """Of texts, restored in the same way."""
    others: Callable[[Sequence[str]], Sequence[Score]] | None = None
    """Of requests as they are; None where the encoder of other languages is missing."""

    def in_others(self, texts: Sequence[str]) -> Sequence[Score] | None:
        """The scores by another language; None, with a line in the log, where that fails."""
        if self.others is None:
            return None
        try:
            return self.others(texts)
        except ModelError as error:
            log.warning("harm in other languages is told by key words alone: %s", error)
            self.others = None
            return None


def load_score(
    models: Path, encoder: TunableEncoder, multilingual: Multilingual | None = None
) -> Scores:
    """The scores from the models' folder; else fitted now, and kept there."""
    found = load_or_fit(
        score_file(models),
        lambda: _fitted(encoder).to_bytes(),
        partial(_in_english, encoder=encoder),
        takes=_TAKES,
    )
    if multilingual is None:
        return found
    in_all = multilingual.encode
    try:
        others = load_or_fit(
            others_file(models),
            lambda: _fitted_in_others(in_all).to_bytes(),
            Learned.from_bytes,
            takes=_TAKES,
        )
    except ModelError as error:
        log.warning("harm in other languages is told by key words alone: %s", error)
        return found
    found.others = lambda texts: others.scores([_plain(text) for text in texts], in_all)
    return found


def score_file(models: Path) -> Path:
    """Where the score lies once it is fitted; the name changes with what it is learned from."""
    learned = _digest((*learned_from(), *texts_learned_from(), *texts_apart()))
    return models / f"safety-{learned}.npz"


def others_file(models: Path) -> Path:
    """The same of the score for other languages."""
    return models / f"safety-others-{_digest(learned_in_languages())}.npz"


def _digest(examples: Sequence[Example | str]) -> str:
    return sha256(repr([_FORMAT, examples]).encode()).hexdigest()[:16]


def _fitted(encoder: TunableEncoder) -> Learned:
    """Fitted on the written requests and texts, each as the gate would read it."""
    from genre_models.safety.fitting import fitted  # with scikit-learn, which else nobody needs

    reader, examples = Reader(known_words()), (*learned_from(), *texts_learned_from())
    return fitted(
        examples,
        [reader.read(each.text).restored for each in examples],
        SideBySide(encoder).encode,
        tunable=encoder,
        texts_apart=[reader.read(text).restored for text in texts_apart()],
    )


def _in_english(data: bytes, encoder: TunableEncoder) -> Scores:
    """The scores in English. Raises ModelError `safety_unreadable`."""
    learned = Learned.from_bytes(data)
    opinion: Opinion | None = None
    if learned.tuned is not None:
        try:
            opinion = opinion_of(learned.tuned, encoder)
        except RuntimeError as error:
            raise unreadable(error) from error
    score = partial(learned.scores, encode=SideBySide(encoder).encode, opinion=opinion)
    return Scores(english=score, texts=partial(score, are_requests=False))


def _fitted_in_others(encode: Encode) -> Learned:
    """The same of requests in other languages; the encoder reads 128 tokens of a text."""
    from genre_models.safety.fitting import fitted

    examples = learned_in_languages()
    texts = [_plain(each.text) for each in examples]
    return fitted(
        examples,
        texts,
        encode,
        by="pieces",
        weight=1.0,
        is_own=lambda each: each.language != ENGLISH,
    )


def _plain(text: str) -> str:
    """What is seen of a text, in any script."""
    return visible(normalised("NFKC", text))
