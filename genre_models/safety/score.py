"""The scores of harm as the gate has them: fitted once, from what is written, and kept.

Regressions are fitted where they are missing. Second opinions take far longer: they are heard from
when `tune` has kept them, also by a score that has been loaded before.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from threading import Lock

from genre_models.classification.written.requests import ENGLISH
from genre_models.encoder import SideBySide, TunableEncoder, TunableLayeredEncoder
from genre_models.fitted import load_or_fit
from genre_models.normal_forms import normalised
from genre_models.safety.examples import (
    Example,
    known_words,
    learned_from,
    learned_in_languages,
    texts_apart,
    texts_learned_from,
    tuned_in_languages,
)
from genre_models.safety.learned import Encode, Learned, Opinion, Score
from genre_models.safety.letters import visible
from genre_models.safety.reading import Reader
from genre_models.safety.second_opinion import SecondOpinion
from schemas.errors import ModelError

log = logging.getLogger(__name__)

_FORMAT = 9  # raised with any change of how it is learned or packed
_TAKES = "minutes, on two cores a quarter of an hour (`genre prepare` does it ahead)"
_TUNING_TAKES = "three quarters of an hour on two cores"
_LOOKED = 30.0  # seconds between two looks whether there is a second opinion
# Authors that what is tuned does not learn from: the thresholds are those of their look-alikes,
# which were neither among the easiest nor the hardest.
_ASIDE = ("eighth", "twenty_sixth", "twenty_third")
_ASIDE_IN_LANGUAGES = ("fourteenth", "forty_second", "nineteenth")


@dataclass(slots=True, kw_only=True)
class Scores:
    """Scores of requests: by what they say in English and, where one is in another language, by
    what they say in that, too; and of texts in English.
    """

    requests: Callable[[Sequence[str]], Sequence[Score]]
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


@dataclass(slots=True, kw_only=True)
class TwoOpinions:
    """A regression, and the second opinion in a `file` from when that is there on.

    Any thread may ask; one of them looks now and then, and none waits for it.
    """

    learned: Learned
    encode: Encode
    encoder: TunableEncoder
    file: Path
    _opinion: Opinion | None = None
    _looking: Lock = field(default_factory=Lock)
    _look_at: float = 0.0

    def requests(self, texts: Sequence[str]) -> list[Score]:
        """The scores of requests."""
        return self._scores(texts, are_requests=True)

    def texts(self, texts: Sequence[str]) -> list[Score]:
        """The scores of texts."""
        return self._scores(texts, are_requests=False)

    def look(self) -> None:
        """Hear the second opinion if it is there."""
        if self._opinion is not None or time.monotonic() < self._look_at:
            return
        if not self._looking.acquire(blocking=False):
            return
        try:
            self._hear()
            self._look_at = time.monotonic() + _LOOKED
        finally:
            self._looking.release()

    def _scores(self, texts: Sequence[str], *, are_requests: bool) -> list[Score]:
        self.look()
        opinion = self._opinion  # first: with an opinion there are its thresholds
        learned = self.learned
        return learned.scores(texts, self.encode, opinion, are_requests=are_requests)

    def _hear(self) -> None:
        try:
            second = SecondOpinion.from_bytes(self.file.read_bytes())
            opinion = second.by(self.encoder)
        except FileNotFoundError:
            return
        except (OSError, ModelError) as error:
            log.warning("%s is not heard: %s", self.file.name, error)
            return
        self.learned = second.after(self.learned)
        self._opinion = opinion


def load_score(
    models: Path, encoder: TunableLayeredEncoder, multilingual: TunableEncoder | None = None
) -> Scores:
    """The scores from the models' folder; regressions that are missing are fitted now, and kept
    there. A line in the log says where second opinions are missing.
    """
    english = TwoOpinions(
        learned=_regression(models, encoder),
        encode=SideBySide(encoder).encode,
        encoder=encoder,
        file=second_file(models),
    )
    english.look()
    scores = Scores(requests=english.requests, texts=english.texts)
    if not is_tuned(models):
        log.warning("harm is told without second opinions until `genre prepare --tune` has run")
    if multilingual is None:
        return scores
    try:
        others = TwoOpinions(
            learned=_regression_in_others(models, multilingual),
            encode=multilingual.encode,
            encoder=multilingual,
            file=second_file_of_others(models),
        )
    except ModelError as error:
        log.warning("harm in other languages is told by key words alone: %s", error)
        return scores
    scores.others = lambda texts: others.requests([_plain(text) for text in texts])
    return scores


def tune(models: Path, encoder: TunableLayeredEncoder, multilingual: TunableEncoder) -> None:
    """Make second opinions where there are none, and keep them: an hour and a half on two cores.

    Raises ModelError where an encoder is not prepared.
    """
    for file, made in (
        (second_file(models), lambda: _second(models, encoder)),
        (second_file_of_others(models), lambda: _second_in_others(models, multilingual)),
    ):
        load_or_fit(file, made, SecondOpinion.from_bytes, takes=_TUNING_TAKES)


def is_tuned(models: Path) -> bool:
    """Whether `tune` has nothing to do."""
    return second_file(models).is_file() and second_file_of_others(models).is_file()


def score_file(models: Path) -> Path:
    """Where the regression lies; the name changes with what it is learned from."""
    return models / f"safety-{_digest(_examples(), texts_apart())}.npz"


def second_file(models: Path) -> Path:
    """The same of its second opinion."""
    return models / f"safety-second-{_digest(_examples(), texts_apart(), _ASIDE)}.npz"


def others_file(models: Path) -> Path:
    """The same of the regression for other languages."""
    return models / f"safety-others-{_digest(learned_in_languages())}.npz"


def second_file_of_others(models: Path) -> Path:
    """The same of the second opinion for other languages."""
    digest = _digest(tuned_in_languages(), _ASIDE_IN_LANGUAGES)
    return models / f"safety-others-second-{digest}.npz"


def _digest(*learned: Sequence[Example | str]) -> str:
    return sha256(repr([_FORMAT, *learned]).encode()).hexdigest()[:16]


def _examples() -> Sequence[Example]:
    return *learned_from(), *texts_learned_from()


def _regression(models: Path, encoder: TunableLayeredEncoder) -> Learned:
    """Fitted on the written requests and texts, each as the gate would read it."""

    def fit() -> bytes:
        from genre_models.safety.fitting import fitted  # with scikit-learn: else nobody needs it

        reader, examples = Reader(known_words()), _examples()
        return fitted(
            examples,
            _restored(reader, [each.text for each in examples]),
            SideBySide(encoder).encode,
            texts_apart=_restored(reader, texts_apart()),
        ).to_bytes()

    return load_or_fit(score_file(models), fit, Learned.from_bytes, takes=_TAKES)


def _second(models: Path, encoder: TunableLayeredEncoder) -> bytes:
    from genre_models.safety.fitting import seconded

    reader, examples = Reader(known_words()), _examples()
    return seconded(
        _regression(models, encoder),
        examples,
        _restored(reader, [each.text for each in examples]),
        SideBySide(encoder).encode,
        encoder,
        aside=_ASIDE,
        texts_apart=_restored(reader, texts_apart()),
    ).to_bytes()


def _regression_in_others(models: Path, encoder: TunableEncoder) -> Learned:
    """The same of requests in other languages; the encoder reads 128 tokens of a text."""

    def fit() -> bytes:
        from genre_models.safety.fitting import fitted

        examples = learned_in_languages()
        return fitted(
            examples,
            [_plain(each.text) for each in examples],
            encoder.encode,
            by="pieces",
            weight=1.0,
            is_own=lambda each: each.language != ENGLISH,
        ).to_bytes()

    return load_or_fit(others_file(models), fit, Learned.from_bytes, takes=_TAKES)


def _second_in_others(models: Path, encoder: TunableEncoder) -> bytes:
    from genre_models.safety.fitting import seconded

    examples = tuned_in_languages()
    return seconded(
        _regression_in_others(models, encoder),
        examples,
        [_plain(each.text) for each in examples],
        encoder.encode,
        encoder,
        aside=_ASIDE_IN_LANGUAGES,
    ).to_bytes()


def _restored(reader: Reader, texts: Sequence[str]) -> list[str]:
    return [reader.read(text).restored for text in texts]


def _plain(text: str) -> str:
    """What is seen of a text, in any script."""
    return visible(normalised("NFKC", text))
