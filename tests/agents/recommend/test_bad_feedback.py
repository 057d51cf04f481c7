"""What is wrong with feedback harms nobody else, and is counted or refused by a rule."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from agents.recommend.learn import learn
from agents.recommend.populations import Populations
from genre_models.preferences.moments import SCALE
from genre_models.preferences.population import SHARE
from genre_models.preferences.row import UserRow
from schemas.errors import InvalidEvent
from schemas.feedback import Feedback
from streams.wire.codecs import decode, encode
from tests.agents.deliveries import NOW, delivered, events, stream
from tests.agents.recommend.conftest import Desk
from tests.agents.recommend.test_learn import learned, reaction, shown


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"kind": "rating", "value": 7.0}, "bad_format"),
        ({"kind": "dwell", "value": -1.0}, "bad_format"),
        ({"kind": "like", "user_id": "u" * 10_000}, "too_long"),
    ],
)
def test_what_breaks_its_schema_is_refused_before_anybody_sees_it(
    fields: dict[str, Any], code: str
) -> None:
    event = {"user_id": "ada", "request_id": "r1", "candidate_id": "r1/0"} | fields
    with pytest.raises(InvalidEvent) as refused:
        decode(encode(event), Feedback)
    assert refused.value.code


async def test_a_clock_two_years_ahead_counts_as_now(desk: Desk) -> None:
    await shown(desk)
    ahead = datetime.fromtimestamp(NOW, UTC) + timedelta(days=730)
    row = await learned(desk, reaction(time=ahead))
    assert row.last <= NOW + 1
    assert desk.ledger.counts["clock_ahead"] == 1


async def test_a_flood_of_likes_of_one_text_is_one_like(desk: Desk) -> None:
    await shown(desk)
    row = await learned(desk, *(reaction(offset=k, feedback_id=f"f{k}") for k in range(200)))
    assert row.moments(row.last)[-1] <= 2.001


async def test_one_user_moves_the_population_by_a_bounded_amount(desk: Desk) -> None:
    along = Populations(
        users=desk.ledger.users,
        partition_of=lambda key: 0,
        owned=lambda: frozenset({0}),
        partitions=1,
    )
    desk.ledger.changed = along.changed
    past = Feedback(user_id="ada", kind="history", genre="joke", value=1.0)
    few = [delivered(replace(past, feedback_id=f"f{k}"), k) for k in range(20)]
    await events(learn(stream(few), desk.learner))
    before = along.prior(None).mean
    many = [delivered(replace(past, feedback_id=f"f{k}"), k) for k in range(20, 300)]
    await events(learn(stream(many), desk.learner))
    along._priors = {}
    assert along._own[(None, 0)].sums[-1] / SCALE < SHARE
    assert np.abs(along.prior(None).mean - before).max() < 0.1


async def test_a_row_of_another_recipe_is_begun_anew_and_counted(desk: Desk) -> None:
    await shown(desk)
    row = bytearray((await learned(desk, reaction())).pack())
    row[2:4] = (999).to_bytes(2, "little")
    import zlib

    row[-4:] = zlib.crc32(row[:-4]).to_bytes(4, "little")
    desk.ledger.users[b"ada"] = bytes(row)
    assert isinstance(desk.ledger.user("ada"), UserRow)
    assert not desk.ledger.user("ada").sums.any()
    await learned(desk, reaction(index=1, offset=1))
    assert desk.ledger.counts["outdated_row"] == 1
