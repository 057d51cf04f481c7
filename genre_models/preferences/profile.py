"""A user's tastes in words and numbers, read from the posterior.

For people, for `why` and for the prompt card.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from genre_models.preferences.features import BLOCKS, DIMENSION, Arm, code, genre_code
from genre_models.preferences.moments import Floats
from genre_models.preferences.posterior import Posterior, base_prior
from genre_models.preferences.styles import PLAIN, STYLES
from genre_models.preferences.text_attributes import ATTRIBUTES
from genre_models.taxonomy import Genre

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

_CLEAR = 0.75  # deviations from nothing: the sign is then right in three cases of four
_HEARD = 0.9  # and when about one reaction speaks of it


@dataclass(frozen=True, slots=True, kw_only=True)
class Taste:
    """One taste of a user.

    `mean` is the effect on the like-rate (1 = from never to always), `deviation` its uncertainty,
    `reactions` about how many speak of it. `kind` is genre, family, style or attribute; `words` say
    what is liked where the mean is positive.
    """

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
        return "; ".join(tastes) or f"no clear preference after {self.reactions} reactions"


def profile(
    posterior: Posterior, genres: Mapping[str, Genre], reactions: int, most: int = 5
) -> Profile:
    """The `most` strongest likes and dislikes; `genres` are those to speak of, by id."""
    tastes = sorted(
        filter(lambda taste: taste.is_clear, tastes_of(posterior, genres)),
        key=lambda taste: -abs(taste.mean),
    )
    return Profile(
        reactions=reactions,
        likes=tuple(taste for taste in tastes if taste.mean > 0)[:most],
        dislikes=tuple(taste for taste in tastes if taste.mean < 0)[:most],
    )


def tastes_of(posterior: Posterior, genres: Mapping[str, Genre]) -> Iterable[Taste]:
    """Every taste that can be named, clear or not.

    A family is spoken of where two of its genres were heard.
    """
    tastes = [
        genre_taste(posterior, id, genre.family, genre.salt) for id, genre in sorted(genres.items())
    ]
    yield from tastes
    heard = Counter(genres[taste.name].family for taste in tastes if taste.reactions >= _HEARD)
    for family in sorted(family for family, count in heard.items() if count > 1):
        reactions = sum(taste.reactions for taste in tastes if genres[taste.name].family == family)
        yield _family_taste(posterior, family, reactions)
    for style in STYLES.values():
        if style.id != PLAIN:
            yield style_taste(posterior, style.id)
    yield from attribute_tastes(posterior)


def attribute_tastes(posterior: Posterior) -> Iterable[Taste]:
    """The tastes for what can be seen of a text, in the direction that is liked."""
    for position, name in enumerate(ATTRIBUTES):
        yield _attribute_taste(posterior, position, name)


def arm_tastes(posterior: Posterior, arm: Arm) -> Iterable[Taste]:
    """The tastes for the genre and for the style of an arm, where it has them."""
    if arm.genre:
        yield genre_taste(posterior, arm.genre, arm.family, arm.salt(arm.genre))
    if arm.style:
        yield style_taste(posterior, arm.style)


def genre_taste(posterior: Posterior, genre: str, family: str | None, salt: int) -> Taste:
    """The taste for a genre: expected liking of a fitting text of it, against a stranger's."""
    own = genre_code(genre, salt=salt).astype(np.float64)
    direction = _fitting_text(family) + _at("genre", own)
    return _taste(
        posterior,
        "genre",
        genre,
        _spoken(genre),
        direction,
        posterior.reactions_to(own, BLOCKS["genre"]),
    )


def _family_taste(posterior: Posterior, family: str, reactions: float) -> Taste:
    return _taste(
        posterior,
        "family",
        family,
        f"{_spoken(family)} in general",
        _fitting_text(family),
        reactions,
    )


def _fitting_text(family: str | None) -> Floats:
    direction = _at("bias", np.ones(1)) + _at("fit", np.array([0.5, 0.5, 0.0]))
    return direction if family is None else direction + _at("family", code("family", family, 5))


def style_taste(posterior: Posterior, style: str) -> Taste:
    """The taste for what the style intends."""
    intent = np.array([0.5 * STYLES[style].intent.get(name, 0.0) for name in ATTRIBUTES])
    direction = _at("attributes", intent)
    return _taste(
        posterior, "style", style, f"the {style} style", direction, posterior.reactions(direction)
    )


def _attribute_taste(posterior: Posterior, position: int, name: str) -> Taste:
    more, less = WORDS[name]
    direction = _at("attributes", np.eye(len(ATTRIBUTES))[position])
    words, sign = (more, 1) if (posterior.mean - base_prior().mean) @ direction >= 0 else (less, -1)
    return _taste(
        posterior, "attribute", name, words, sign * direction, posterior.reactions(direction)
    )


def _taste(
    posterior: Posterior, kind: str, name: str, words: str, direction: Floats, reactions: float
) -> Taste:
    return Taste(
        kind=kind,
        name=name,
        words=words,
        mean=float((posterior.mean - base_prior().mean) @ direction),
        deviation=posterior.deviation(direction),
        reactions=reactions,
    )


def _at(block: str, values: Floats | np.ndarray) -> Floats:
    direction = np.zeros(DIMENSION)
    direction[BLOCKS[block]] = values
    return direction


def _spoken(name: str) -> str:
    return name.replace("_", " ")
