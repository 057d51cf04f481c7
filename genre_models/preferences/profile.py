"""A user's tastes in words and numbers, read from the posterior: for people, for `why` and for the prompt card."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from genre_models.preferences.features import BLOCKS, DIMENSION, code, genre_code
from genre_models.preferences.moments import Floats
from genre_models.preferences.posterior import Posterior
from genre_models.preferences.styles import PLAIN, STYLES
from genre_models.preferences.text_attributes import ATTRIBUTES

# attribute -> how a text at its upper and at its lower end is called
WORDS: Mapping[str, tuple[str, str]] = {
    "length": ("long texts", "short texts"),
    "complexity": ("demanding texts", "simple texts"),
    "formality": ("formal texts", "casual texts"),
    "dialogue": ("dialogue", "texts without dialogue"),
    "humour": ("humour", "serious texts"),
    "excitement": ("exclamations", "calm texts"),
    "first_person": ("first-person texts", "impersonal texts"),
    "imagery": ("vivid images", "sober wording"),
}

_CLEAR = 1.0  # an effect counts as clear beyond one standard deviation
_HEARD = 0.9  # and when about one reaction speaks of it


@dataclass(frozen=True, slots=True, kw_only=True)
class Taste:
    """`mean` is the effect on the like-rate (1 = from never to always), `deviation` its uncertainty, `reactions` about
    how many speak of it. `kind` is genre, family, style or attribute; `words` say what is liked where the mean is
    positive."""

    kind: str
    name: str
    words: str
    mean: float
    deviation: float
    reactions: float

    def __str__(self) -> str:
        verb = "likes" if self.mean > 0 else "dislikes"
        count = max(1, round(self.reactions))
        return (
            f"{verb} {self.words} ({self.mean:+.2f} ± {self.deviation:.2f} "
            f"from {count} reaction{'s' if count > 1 else ''})"
        )

    @property
    def is_clear(self) -> bool:
        """Whether it is more than noise."""
        return abs(self.mean) > _CLEAR * self.deviation and self.reactions >= _HEARD


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """The clear tastes, strongest first, after `reactions` reactions."""

    reactions: int
    likes: tuple[Taste, ...]
    dislikes: tuple[Taste, ...]

    def __str__(self) -> str:
        tastes = [str(taste) for taste in (*self.likes, *self.dislikes)]
        return "; ".join(tastes) if tastes else f"no clear preference after {self.reactions} reactions"


def profile(posterior: Posterior, genres: Mapping[str, str], reactions: int, most: int = 5) -> Profile:
    """The `most` strongest likes and dislikes; `genres` maps the genres to speak of to their families."""
    tastes = sorted(
        filter(lambda taste: taste.is_clear, tastes_of(posterior, genres)), key=lambda taste: -abs(taste.mean)
    )
    return Profile(
        reactions=reactions,
        likes=tuple(taste for taste in tastes if taste.mean > 0)[:most],
        dislikes=tuple(taste for taste in tastes if taste.mean < 0)[:most],
    )


def tastes_of(posterior: Posterior, genres: Mapping[str, str]) -> Iterable[Taste]:
    """Every taste that can be named, clear or not."""
    for genre, family in sorted(genres.items()):
        yield genre_taste(posterior, genre, family)
    for family in sorted(set(genres.values())):
        yield _taste(
            posterior, "family", family, f"{_spoken(family)} in general", _at("family", code("family", family, 5))
        )
    for style in STYLES.values():
        if style.id != PLAIN:
            yield style_taste(posterior, style.id)
    for position, name in enumerate(ATTRIBUTES):
        yield _attribute_taste(posterior, position, name)


def genre_taste(posterior: Posterior, genre: str, family: str | None) -> Taste:
    """The taste for a genre, with its family's share."""
    own = _at("genre", genre_code(genre))
    shared = own if family is None else own + _at("family", code("family", family, 5))
    return _taste(posterior, "genre", genre, _spoken(genre), shared, heard=own)


def style_taste(posterior: Posterior, style: str) -> Taste:
    """The taste for what the style intends."""
    intent = np.array([0.5 * STYLES[style].intent.get(name, 0.0) for name in ATTRIBUTES])
    direction = _at("attributes", intent)
    return _taste(posterior, "style", style, f"the {style} style", direction)


def _attribute_taste(posterior: Posterior, position: int, name: str) -> Taste:
    more, less = WORDS[name]
    direction = _at("attributes", np.eye(len(ATTRIBUTES))[position])
    taste = _taste(posterior, "attribute", name, more, direction)
    if taste.mean >= 0:
        return taste
    return _taste(posterior, "attribute", name, less, -direction)


def _taste(
    posterior: Posterior, kind: str, name: str, words: str, direction: Floats, heard: Floats | None = None
) -> Taste:
    return Taste(
        kind=kind,
        name=name,
        words=words,
        mean=float(posterior.mean @ direction),
        deviation=posterior.deviation(direction),
        reactions=posterior.reactions(direction if heard is None else heard),
    )


def _at(block: str, values: Floats | np.ndarray) -> Floats:
    direction = np.zeros(DIMENSION)
    direction[BLOCKS[block]] = values
    return direction


def _spoken(name: str) -> str:
    return name.replace("_", " ")
