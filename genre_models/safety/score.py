"""The scores of harm as the gate has them: fitted once, from what is written, and kept.

Regressions are fitted where they are missing. Further opinions take far longer: they are heard once
`tune` has kept them, also by a score that was loaded before.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from genre_models.atomic import make_once
from genre_models.classification.written.requests import ENGLISH
from genre_models.encoder import SideBySide, TunableEncoder, TunableLayeredEncoder
from genre_models.fitted import load_or_fit
from genre_models.normal_forms import normalised
from genre_models.safety.examples import (
    Example,
    known_words,
    learned_in_languages,
    texts_apart,
    tuned_in_languages,
)
from genre_models.safety.learned import Learned, Opinion, Score
from genre_models.safety.letters import visible
from genre_models.safety.opinions import KeptOpinion, Opinions
from genre_models.safety.reading import Reader
from genre_models.safety.score_files import ScoreFiles, learned_in_english
from genre_models.safety.second_opinion import SecondOpinion
from genre_models.safety.third_opinion import ThirdOpinion, near
from schemas.errors import ModelError

log = logging.getLogger(__name__)

_TAKES = "minutes, on two cores ten (`genre prepare` does it ahead)"
# Authors whose look-alikes set the thresholds: they are neither among the easiest nor the hardest.
# What is tuned does not learn from them: what is tuned in other languages from neither group, as it
# is asked about English requests, too.
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


def load_score(
    models: Path, encoder: TunableLayeredEncoder, multilingual: TunableEncoder | None = None
) -> Scores:
    """The scores from the models' folder; regressions that are missing are fitted now, and kept
    there. A line in the log says where the second opinion on English is missing.
    """
    files, others = ScoreFiles.of(models), None
    learned = _regression(files.english, encoder)
    kept = [_kept_second(files.second, encoder)]
    if multilingual is not None:
        try:
            others = _in_others(files, multilingual)
            kept.append(_kept_third(files, others))
        except ModelError as error:
            log.warning("harm in other languages is told by key words alone: %s", error)
    english = Opinions(learned, SideBySide(encoder).encode, kept)
    english.look()
    if english.are_missing:
        log.warning("harm is told without second opinions until `genre safety tune` has run")
    scores = Scores(requests=english.requests, texts=english.texts)
    if others is not None:
        scores.others = lambda texts: others.requests(_all_plain(texts))
    return scores


def tune(models: Path, encoder: TunableLayeredEncoder, multilingual: TunableEncoder) -> None:
    """Make further opinions where there are none, and keep them: two hours on two cores.

    Raises ModelError where an encoder is not prepared, OSError where nothing can be kept.
    """
    files = ScoreFiles.of(models)
    if not (files.second.exists() and files.second_in_others.exists()):
        files.third.unlink(missing_ok=True)  # another fit has other thresholds
    _keep(files.second, lambda: _tuned(files, encoder).to_bytes())
    _keep(files.second_in_others, lambda: _tuned_in_others(files, multilingual).to_bytes())
    _keep(files.third, lambda: _threshold_of_three(files, encoder, multilingual).to_bytes())


def _keep(file: Path, made: Callable[[], bytes]) -> None:
    if not file.exists():
        log.info("making %s", file.name)
        make_once(file, lambda place: place.write_bytes(made()))


def _kept_second(file: Path, encoder: TunableEncoder) -> KeptOpinion:
    """A second opinion, told by a copy of the encoder that was tuned."""

    def read(data: bytes, learned: Learned) -> tuple[Learned, Opinion]:
        second = SecondOpinion.from_bytes(data)
        return second.after(learned), second.by(encoder)

    return KeptOpinion(file, read)


def _kept_third(files: ScoreFiles, others: Opinions) -> KeptOpinion:
    """The third opinion in English: a threshold, and the second opinion of other languages, which
    is read once it is asked.
    """

    def read(data: bytes, learned: Learned) -> tuple[Learned, Opinion]:
        files.second_in_others.stat()  # FileNotFoundError where it was removed
        return ThirdOpinion.from_bytes(data).after(learned), _third(others, learned)

    return KeptOpinion(files.third, read)


def _third(others: Opinions, learned: Learned) -> Opinion:
    return near(learned, lambda texts: others.second(_all_plain(texts)))


def _in_others(files: ScoreFiles, encoder: TunableEncoder) -> Opinions:
    """The score of other languages."""
    learned = _regression_in_others(files.others, encoder)
    return Opinions(learned, encoder.encode, [_kept_second(files.second_in_others, encoder)])


def _regression(file: Path, encoder: TunableLayeredEncoder) -> Learned:
    """Fitted on the written requests and texts, each as the gate would read it."""

    def fit() -> bytes:
        from genre_models.safety.fitting import fitted  # with scikit-learn: else nobody needs it

        reader, examples = Reader(known_words()), learned_in_english()
        return fitted(
            examples,
            _restored(reader, [each.text for each in examples]),
            SideBySide(encoder).encode,
            aside=_ASIDE,
            texts_apart=_restored(reader, texts_apart()),
        ).to_bytes()

    return load_or_fit(file, fit, Learned.from_bytes, takes=_TAKES)


def _tuned(files: ScoreFiles, encoder: TunableLayeredEncoder) -> SecondOpinion:
    from genre_models.safety.fitting import fitted_second

    reader, examples = Reader(known_words()), learned_in_english()
    return fitted_second(
        _regression(files.english, encoder),
        examples,
        _restored(reader, [each.text for each in examples]),
        SideBySide(encoder).encode,
        encoder,
        aside=_ASIDE,
        texts_apart=_restored(reader, texts_apart()),
    )


def _threshold_of_three(
    files: ScoreFiles, encoder: TunableLayeredEncoder, multilingual: TunableEncoder
) -> ThirdOpinion:
    """The threshold of English beside two opinions."""
    from genre_models.safety.fitting import fitted_third

    regression = _regression(files.english, encoder)
    learned, second = _kept_second(files.second, encoder).heard(regression)
    third = _third(_in_others(files, multilingual), learned)
    reader, examples = Reader(known_words()), learned_in_english()
    return fitted_third(
        learned,
        [second, third],
        examples,
        _restored(reader, [each.text for each in examples]),
        aside=_ASIDE,
    )


def _regression_in_others(file: Path, encoder: TunableEncoder) -> Learned:
    """The same of requests in other languages; the encoder reads 128 tokens of a text."""

    def fit() -> bytes:
        from genre_models.safety.fitting import fitted

        examples = learned_in_languages()
        return fitted(
            examples,
            _all_plain([each.text for each in examples]),
            encoder.encode,
            aside=_ASIDE_IN_LANGUAGES,
            by="pieces",
            weight=1.0,
        ).to_bytes()

    return load_or_fit(file, fit, Learned.from_bytes, takes=_TAKES)


def _tuned_in_others(files: ScoreFiles, encoder: TunableEncoder) -> SecondOpinion:
    from genre_models.safety.fitting import fitted_second

    examples = tuned_in_languages()
    return fitted_second(
        _regression_in_others(files.others, encoder),
        examples,
        _all_plain([each.text for each in examples]),
        encoder.encode,
        encoder,
        aside=(*_ASIDE, *_ASIDE_IN_LANGUAGES),
        is_own=_is_foreign,
    )


def _is_foreign(example: Example) -> bool:
    return example.language != ENGLISH


def _restored(reader: Reader, texts: Sequence[str]) -> list[str]:
    return [reader.read(text).restored for text in texts]


def _all_plain(texts: Sequence[str]) -> list[str]:
    """What is seen of texts, in any script."""
    return [visible(normalised("NFKC", text)) for text in texts]
