"""What an adapter must show before it is published."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from genre_models.training.gate.controls import Control
from genre_models.training.gate.gate import Measured, judge
from genre_models.training.gate.samples import Sample

GOOD = Measured(
    loss=3.0,
    base_loss=3.6,
    controls=[
        Control(name="poem@000000000000", genre="poem", loss=3.5, weights={}),
        Control(name="haiku@000000000000", genre="haiku", loss=3.1, weights={}),
        Control(name="pooled@000000000000", genre="pooled", loss=3.4, weights={}),
    ],
    shift=0.3,
    samples=[Sample(request="a", text="b")] * 20,
    topic_hit=0.6,
    copied=0.0,
    copied_held_out=0.0,
)


def test_the_gate_passes_what_beats_every_control() -> None:
    judgement = judge("haiku", GOOD)
    assert judgement.passed and judgement.missing == () and judgement.reasons == ""


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"loss": 3.7}, "base model"),
        ({"loss": 3.2}, "parent haiku@000000000000"),
        ({"loss": 3.45}, "pooled"),
        ({"loss": 3.55}, "another genre's poem@000000000000"),
        ({"loss": math.nan}, "base model"),
        ({"shift": 5.0}, "drift"),
        ({"shift": math.nan}, "drift"),
        (
            {
                "samples": [Sample(request="a", text="b", held_back="hate")] * 2
                + [Sample(request="a", text="b")]
            },
            "safety",
        ),
        ({"samples": [Sample(request="a", text=" ")] * 20}, "empty"),
        ({"topic_hit": 0.1}, "topic hit"),
        ({"copied": 0.2}, "copied"),
    ],
)
def test_the_gate_names_what_is_not_good_enough(change: dict[str, object], reason: str) -> None:
    judgement = judge("haiku", replace(GOOD, **change))  # type: ignore[arg-type]
    assert not judgement.passed
    assert reason in judgement.reasons
