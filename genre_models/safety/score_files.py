"""Where the scores of harm lie in the models' folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from genre_models.safety.examples import (
    Example,
    learned_from,
    learned_in_languages,
    texts_apart,
    texts_learned_from,
)
from genre_models.safety.learned import DOUBT
from genre_models.safety.third_opinion import NEAR

# Raised with any change of how it is learned or packed, and of which examples are tuned on; DOUBT
# and NEAR are in the names anyway.
FORMAT = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreFiles:
    """The files; their names change with what is learned from.

    `english` and `others` are regressions, by language; `second` and `second_in_others` are their
    second opinions, and `third` is the threshold in English beside both. What is tuned on requests
    in other languages is tuned on those in English, too.
    """

    english: Path
    others: Path
    second: Path
    second_in_others: Path
    third: Path

    @classmethod
    def of(cls, models: Path) -> ScoreFiles:
        """Those in the models' folder; takes a second, as all that is learned from is digested."""
        english = _digest(learned_in_english(), texts_apart())
        others = _digest(learned_in_languages())
        second, abroad = _digest(english, DOUBT), _digest(english, others, DOUBT)
        return cls(
            english=models / f"safety-{english}.npz",
            others=models / f"safety-others-{others}.npz",
            second=models / f"safety-second-{second}.npz",
            second_in_others=models / f"safety-others-second-{abroad}.npz",
            third=models / f"safety-third-{_digest(second, abroad, NEAR)}.json",
        )

    @property
    def are_tuned(self) -> bool:
        """Whether all opinions are there."""
        return all(each.is_file() for each in (self.second, self.second_in_others, self.third))


def learned_in_english() -> Sequence[Example]:
    """Requests, and texts beside them."""
    return *learned_from(), *texts_learned_from()


def _digest(*learned: Sequence[Example | str] | float) -> str:
    return sha256(repr([FORMAT, *learned]).encode()).hexdigest()[:16]
