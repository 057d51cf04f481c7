"""The scores of harm as the gate has them: fitted once, from what is written, and kept.

Regressions are fitted where they are missing. Second opinions take far longer: they are heard once
`tune` has kept them, also by a score that was loaded before.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from threading import Lock

from genre_models.atomic import make_once
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
_TAKES = "minutes, on two cores ten (`genre prepare` does it ahead)"
_TUNING_TAKES = "about 45 minutes on two cores"
_LOOK_EVERY = 30.0  # seconds, for a second opinion that is not there
# Authors that what is tuned does not learn from: the thresholds are those of their look-alikes,
# which were neither among the easiest nor the hardest. In other languages it learns from none of
# them, so that what it says of English requests can be compared.
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


class TwoOpinions:
    """A regression, and the second opinion in a `file` from when that is there on.

    Any thread may ask. One of them looks now and then whether it is there, and waits for it; the
    others go on without.
    """

    def __init__(
        self, learned: Learned, encode: Encode, encoder: TunableEncoder, file: Path
    ) -> None:
        self._encode, self._encoder, self._file = encode, encoder, file
        # the regression has other thresholds beside an opinion: both change at once
        self._both: tuple[Learned, Opinion | None] = learned, None
        self._looking = Lock()
        self._next_look = 0.0

    @property
    def is_alone(self) -> bool:
        """Whether the regression has no second opinion yet."""
        return self._both[1] is None

    def requests(self, texts: Sequence[str]) -> list[Score]:
        """The scores of requests."""
        return self._scores(texts, are_requests=True)

    def texts(self, texts: Sequence[str]) -> list[Score]:
        """The scores of texts."""
        return self._scores(texts, are_requests=False)

    def look(self) -> None:
        """Hear the second opinion if it is there; seldom looked for."""
        if not self._is_due() or not self._looking.acquire(blocking=False):
            return
        try:
            if self._is_due():
                self._hear()
                self._next_look = time.monotonic() + _LOOK_EVERY
        finally:
            self._looking.release()

    def _is_due(self) -> bool:
        return self.is_alone and time.monotonic() >= self._next_look

    def _scores(self, texts: Sequence[str], *, are_requests: bool) -> list[Score]:
        self.look()
        learned, opinion = self._both
        return learned.scores(texts, self._encode, opinion, are_requests=are_requests)

    def _hear(self) -> None:
        try:
            second = SecondOpinion.from_bytes(self._file.read_bytes())
            opinion = second.by(self._encoder)
        except FileNotFoundError:
            return
        except OSError as error:
            log.warning("%s cannot be read: %s", self._file.name, error)
            return
        except ModelError as error:
            log.warning("%s is removed: %s", self._file.name, error)
            with suppress(OSError):
                self._file.unlink()
            return
        self._both = second.after(self._both[0]), opinion
        log.info("%s is heard from now on", self._file.name)


def load_score(
    models: Path, encoder: TunableLayeredEncoder, multilingual: TunableEncoder | None = None
) -> Scores:
    """The scores from the models' folder; regressions that are missing are fitted now, and kept
    there. A line in the log says where the second opinion on English is missing.
    """
    file = score_file(models)
    learned = _regression(file, encoder)
    english = TwoOpinions(learned, SideBySide(encoder).encode, encoder, _second(file))
    english.look()
    if english.is_alone:
        log.warning("harm is told without second opinions until `genre safety tune` has run")
    scores = Scores(requests=english.requests, texts=english.texts)
    if multilingual is None:
        return scores
    try:
        file = others_file(models)
        learned = _regression_in_others(file, multilingual)
    except ModelError as error:
        log.warning("harm in other languages is told by key words alone: %s", error)
        return scores
    others = TwoOpinions(learned, multilingual.encode, multilingual, _second(file))
    scores.others = lambda texts: others.requests([_plain(text) for text in texts])
    return scores


def tune(models: Path, encoder: TunableLayeredEncoder, multilingual: TunableEncoder) -> None:
    """Make second opinions where there are none, and keep them: an hour and a half on two cores.

    Raises ModelError where an encoder is not prepared, OSError where nothing can be kept.
    """
    file = score_file(models)
    _keep(_second(file), partial(_tuned, file, encoder))
    file = others_file(models)
    _keep(_second(file), partial(_tuned_in_others, file, multilingual))


def is_tuned(models: Path) -> bool:
    """Whether `tune` has nothing to do."""
    return all(_second(file(models)).is_file() for file in (score_file, others_file))


def score_file(models: Path) -> Path:
    """Where the regression lies; the name changes with what it and its second opinion are learned
    from.
    """
    return models / f"safety-{_digest(_examples(), texts_apart())}.npz"


def others_file(models: Path) -> Path:
    """The same for other languages."""
    return models / f"safety-others-{_digest(tuned_in_languages())}.npz"


def _second(file: Path) -> Path:
    """Where the second opinion of a regression lies."""
    return file.with_stem(f"{file.stem}-second")


def _keep(file: Path, tuned: Callable[[], SecondOpinion]) -> None:
    if not file.exists():
        log.info("tuning %s: %s", file.name, _TUNING_TAKES)
        make_once(file, lambda place: place.write_bytes(tuned().to_bytes()))


def _digest(*learned: Sequence[Example | str]) -> str:
    return sha256(repr([_FORMAT, *learned]).encode()).hexdigest()[:16]


def _examples() -> Sequence[Example]:
    return *learned_from(), *texts_learned_from()


def _regression(file: Path, encoder: TunableLayeredEncoder) -> Learned:
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

    return load_or_fit(file, fit, Learned.from_bytes, takes=_TAKES)


def _tuned(file: Path, encoder: TunableLayeredEncoder) -> SecondOpinion:
    from genre_models.safety.fitting import fitted_second

    reader, examples = Reader(known_words()), _examples()
    return fitted_second(
        _regression(file, encoder),
        examples,
        _restored(reader, [each.text for each in examples]),
        SideBySide(encoder).encode,
        encoder,
        aside=_ASIDE,
        texts_apart=_restored(reader, texts_apart()),
    )


def _regression_in_others(file: Path, encoder: TunableEncoder) -> Learned:
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
            is_own=_is_foreign,
        ).to_bytes()

    return load_or_fit(file, fit, Learned.from_bytes, takes=_TAKES)


def _tuned_in_others(file: Path, encoder: TunableEncoder) -> SecondOpinion:
    from genre_models.safety.fitting import fitted_second

    examples = tuned_in_languages()
    return fitted_second(
        _regression_in_others(file, encoder),
        examples,
        [_plain(each.text) for each in examples],
        encoder.encode,
        encoder,
        aside=(*_ASIDE, *_ASIDE_IN_LANGUAGES),
        is_own=_is_foreign,
    )


def _is_foreign(example: Example) -> bool:
    return example.language != ENGLISH


def _restored(reader: Reader, texts: Sequence[str]) -> list[str]:
    return [reader.read(text).restored for text in texts]


def _plain(text: str) -> str:
    """What is seen of a text, in any script."""
    return visible(normalised("NFKC", text))
