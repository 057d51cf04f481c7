"""The recipe is fixed, bounded, and the same in every process."""

from __future__ import annotations

from hashlib import blake2b

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genre_models.preferences.features import (
    BLOCKS,
    DIMENSION,
    DIMENSIONS,
    FEATURES_VERSION,
    Arm,
    arm_features,
    candidate_features,
    described_features,
    genre_code,
    unpacked,
)
from genre_models.preferences.styles import STYLES
from genre_models.preferences.text_attributes import ATTRIBUTES, text_attributes
from schemas.errors import Rejected

JOKE = Arm(
    genre="joke", family="humour", adapter="joke@0123456789ab", style="playful", probability=0.7
)

words = st.text(min_size=1, max_size=12)
arms = st.builds(
    Arm,
    genre=st.none() | words,
    family=st.none() | words,
    adapter=st.none() | words,
    style=st.none() | st.sampled_from(list(STYLES)),
    probability=st.floats(0, 1),
    description=st.none() | st.tuples(*[st.floats(-5, 5)] * 8),
)


@given(
    arms,
    st.text(max_size=300),
    st.none() | st.tuples(*[st.floats(-100, 100)] * 8),
    st.none() | st.floats(0, 1),
    st.none() | st.floats(-50, 0),
    st.dictionaries(words, words, max_size=4),
)
def test_features_are_bounded_whatever_comes(
    arm: Arm,
    text: str,
    projection: tuple[float, ...] | None,
    probability: float | None,
    score: float | None,
    context: dict[str, str],
) -> None:
    phi = candidate_features(arm, text, projection, probability, score, context)
    assert phi.shape == (DIMENSION,) and phi.dtype == np.float32
    assert np.isfinite(phi).all() and np.abs(phi).max() <= 1.0001


def test_the_recipe_does_not_drift_under_its_version() -> None:
    phi = candidate_features(
        JOKE,
        "Ha ha! A duck walks into a bar.",
        [1, 0, 2, 0, 0, 0, 0, -1],
        0.9,
        -2.0,
        {"channel": "sms"},
        0.9,
    )
    rounded = np.round(phi.astype(np.float64), 3) + 0.0  # no negative zeros
    first, added = rounded[: DIMENSIONS[1]], rounded[DIMENSIONS[1] :]
    assert blake2b(first.tobytes(), digest_size=8).hexdigest() == "8c9b2ef47f5c47d2"
    assert (FEATURES_VERSION, added.tolist()) == (2, [0.5])


def test_features_of_the_first_recipe_are_read_as_not_judged() -> None:
    phi = candidate_features(JOKE, "Ha ha!", judged=0.8).astype("<f2")
    assert np.array_equal(unpacked(phi.tobytes()), phi.astype(np.float32))
    read = unpacked(phi[: DIMENSIONS[1]].tobytes())
    assert np.array_equal(read[:-1], phi[:-1].astype(np.float32)) and read[-1] == 0.0
    with pytest.raises(ValueError, match="expected 49 features, got 3"):
        unpacked(bytes(6))


def test_a_text_adds_to_its_arm_only_what_the_text_shows() -> None:
    arm, text = arm_features(JOKE), candidate_features(JOKE, "Some words here.")
    changed = {
        name for name, columns in BLOCKS.items() if not np.allclose(arm[columns], text[columns])
    }
    assert changed == {"attributes"}


def test_a_described_text_stands_where_a_measured_one_would() -> None:
    text = "Knock knock! Ha ha, what a silly joke."
    assert np.allclose(
        described_features(JOKE, text_attributes(text)), candidate_features(JOKE, text)
    )
    with pytest.raises(Rejected, match="got 'wit'"):
        described_features(JOKE, {"wit": 1.0})


def test_every_style_moves_exactly_what_it_intends() -> None:
    plain = arm_features(Arm(genre="joke", family="humour"))
    for style in STYLES.values():
        moved = arm_features(Arm(genre="joke", family="humour", style=style.id)) - plain
        intended = {
            name
            for name, value in zip(ATTRIBUTES, moved[BLOCKS["attributes"]], strict=True)
            if value
        }
        assert intended == set(style.intent)


def test_a_salt_moves_the_genre_alone() -> None:
    plain, salted = (
        arm_features(Arm(genre="joke", family="humour", salts=salts))
        for salts in ({}, {"joke": 4031, "riddle": 4032})
    )
    moved = {
        name for name, columns in BLOCKS.items() if not np.allclose(plain[columns], salted[columns])
    }
    assert moved == {"genre"}
    assert (salted[BLOCKS["genre"]] == genre_code("joke", salt=4031)).all()


def test_a_blend_lies_between_the_salted_codes_of_its_genres() -> None:
    blend = (("joke@0123456789ab", 0.25), ("riddle@0123456789ab", 0.75))
    arm = Arm(genre="joke", family="humour", blend=blend, salts={"riddle": 4031})
    between = 0.25 * genre_code("joke") + 0.75 * genre_code("riddle", salt=4031)
    assert np.allclose(arm_features(arm)[BLOCKS["genre"]], between)


def test_like_descriptions_bring_genres_together() -> None:
    described = [0.3, -0.2, 0.9, 0.1, 0.0, 0.4, -0.5, 0.2]
    alone = float(genre_code("limerick") @ genre_code("haiku"))
    assert float(genre_code("limerick", described) @ genre_code("haiku", described)) > alone + 0.1


def test_context_ranks_by_interaction() -> None:
    evening = {"time_of_day": "evening"}
    joke, legal = Arm(genre="joke", family="humour"), Arm(genre="legal", family="reference")
    gained = [arm_features(arm, evening) - arm_features(arm) for arm in (joke, legal)]
    assert np.abs(gained[0] - gained[1]).max() > 0.05


@pytest.mark.parametrize(
    ("name", "more", "less"),
    [
        ("length", "word " * 100, "word " * 8),
        (
            "complexity",
            "Institutional considerations necessitate comprehensive documentation.",
            "I see a cat. It is big.",
        ),
        (
            "formality",
            "Furthermore, the obligation shall remain in force.",
            "Yeah, it's gonna be cool, don't worry.",
        ),
        ("dialogue", '"Come in," she said. "Sit down."', "She asked him to come in and sit down."),
        ("humour", "Knock knock! Ha ha, what a silly joke.", "The committee met on Tuesday."),
        ("excitement", "Buy now! AMAZING! Hurry!", "You may buy it now."),
        ("first_person", "I think we lost my keys.", "They think he lost the keys."),
        (
            "imagery",
            "Soft rain and silver shadows over the river at dusk.",
            "The meeting was moved to room four.",
        ),
    ],
)
def test_attributes_measure_what_they_name(name: str, more: str, less: str) -> None:
    assert text_attributes(more)[name] > text_attributes(less)[name] + 0.1
