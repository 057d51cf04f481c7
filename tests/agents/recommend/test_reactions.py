"""What a reaction says, and of which text: as it was shown, where it stood."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from agents.recommend.decision_row import DecisionRow
from agents.recommend.reactions import seen, shown_of, signal_of
from genre_models.preferences.signals import Kind, Scene, digest
from schemas.errors import Rejected
from tests.agents.deliveries import NOW
from tests.agents.recommend.conftest import TEXTS, Desk, reaction, shown


@pytest.fixture(name="row")
async def _row(desk: Desk) -> DecisionRow:
    """A decision whose four texts were shown."""
    await shown(desk)
    row = desk.ledger.decision("ada", "r1")
    assert row is not None
    return row


def test_what_was_seen_is_the_text_where_it_stood(row: DecisionRow) -> None:
    assert row.decision is not None
    for place, decided in enumerate(row.decision.candidates):
        known, scene = seen(reaction(index=decided.index).event, row)
        assert (scene.position, scene.text) == (place, TEXTS[decided.index])
        assert scene.words == len(TEXTS[decided.index].split())
        assert scene.predicted == decided.score
        assert known.features[decided.index].astype("<f2").tobytes() == decided.features
    assert known.decision == digest("r1") == shown_of(row).decision


def test_a_reaction_to_all_texts_has_no_place_among_them(row: DecisionRow) -> None:
    _, scene = seen(reaction("regenerate").event, row)
    assert scene == Scene()


def test_a_text_that_was_not_shown_is_refused_with_those_that_were(row: DecisionRow) -> None:
    with pytest.raises(Rejected, match=r"r1/\d, r1/\d, .*got 6") as refused:
        seen(reaction(index=6).event, row)
    assert refused.value.code == "unknown_candidate"


def test_where_nothing_was_shown_there_is_nothing_to_react_to(row: DecisionRow) -> None:
    for decision, code in (
        (None, "unknown_request"),
        (replace(row, decision=None), "nothing_shown"),
    ):
        with pytest.raises(Rejected) as refused:
            seen(reaction().event, decision)
        assert refused.value.code == code


@pytest.mark.parametrize(
    ("said", "moment"),
    [(None, int(NOW)), (datetime.fromtimestamp(NOW - 60, UTC), int(NOW) - 60)],
)
def test_a_signal_has_the_time_of_its_reaction_or_of_its_record(
    row: DecisionRow, said: datetime | None, moment: int
) -> None:
    delivery = reaction("dislike", 2, feedback_id="f", time=said)
    signal = signal_of(delivery, *seen(delivery.event, row))
    assert (signal.id, signal.decision) == (digest("f"), digest("r1"))
    assert (signal.kind, signal.candidate, signal.time) == (Kind.DISLIKE, 2, moment)
