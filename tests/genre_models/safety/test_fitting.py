"""What a fitted score tells of requests that it has not seen."""

from __future__ import annotations

import pytest

from genre_models.safety import learned
from genre_models.safety.fitting import fitted
from tests.genre_models.safety.toy import EXAMPLES, Toy


def test_harm_and_its_kind_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learned, "learned_from", lambda: tuple(EXAMPLES))
    toy = fitted(EXAMPLES, [each.text for each in EXAMPLES], Toy())
    bomb, cake, savings = toy.scores(
        ["mix a bomb from fertiliser soon", "mix a cake from flour soon", "steal her savings"],
        Toy(),
    )
    assert bomb.probability > 0.8 > 0.3 > cake.probability
    assert (bomb.category, savings.category) == ("weapons", "fraud")
