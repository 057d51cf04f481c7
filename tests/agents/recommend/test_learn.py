from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agents.recommend.learn import learn
from agents.recommend.plan import plan
from agents.recommend.rights import rights
from agents.tenants import Tenants
from genre_models.preferences.profile import genre_taste
from schemas.corrections import Correction
from schemas.feedback import Feedback
from schemas.generations import GenerationTask
from schemas.training import TrainingEvent
from schemas.users import UserCommand
from streams.worker.delivery import Delivery
from tests.agents.deliveries import NOW, delivered, events, stream
from tests.agents.genres.test_registry import HAIKU
from tests.agents.recommend.conftest import Desk, classified, learned, reaction, shown
from tests.agents.recommend.conftest import desk as new_desk


async def poetry_share(desk: Desk) -> float:
    """Share of poetry among the arms of ten later requests."""
    requests = [delivered(classified(f"after-{number}"), 100 + number) for number in range(10)]
    tasks = await events(plan(stream(requests), desk.planner))
    arms = [arm for task in tasks if isinstance(task, GenerationTask) for arm in task.arms]
    return sum(arm.genre == "poetry" for arm in arms) / len(arms)


async def test_a_few_reactions_turn_the_next_plans(desk: Desk) -> None:
    await shown(desk)
    decision = desk.ledger.decision("ada", "r1")
    assert decision is not None
    for arm in decision.arms:
        kind = "like" if arm.genre == "poetry" else "dislike"
        await learned(desk, reaction(kind, arm.index, offset=arm.index))
    assert await poetry_share(desk) > await poetry_share(new_desk()) + 0.2


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("rating", {"value": 5}),
        ("like", {}),
        ("dislike", {}),
        ("click", {}),
        ("dwell", {"value": 4.0}),
        ("accept", {}),
        ("copy", {}),
        ("edit", {"text": "A dentist walks into a bar."}),
        ("regenerate", {}),
        ("choose", {}),
    ],
)
async def test_every_kind_changes_the_sums(desk: Desk, kind: str, fields: dict[str, Any]) -> None:
    await shown(desk)
    before = desk.ledger.user("ada").sums.copy()
    row = await learned(desk, reaction(kind, **fields))
    assert (row.sums != before).any() if len(before) == len(row.sums) else row.sums.any()
    assert row.reactions == 1


async def test_the_same_record_again_and_the_same_feedback_again_count_once(desk: Desk) -> None:
    await shown(desk)
    once = await learned(desk, reaction(offset=5, feedback_id="f"))
    again = await learned(
        desk, reaction(offset=5, feedback_id="f"), reaction(offset=6, feedback_id="f")
    )
    assert (once.sums == again.sums).all()
    assert again.reactions == 1


async def test_a_retracted_reaction_leaves_no_trace_in_the_sums(desk: Desk) -> None:
    await shown(desk)
    row = await learned(
        desk, reaction(feedback_id="f"), reaction("retract", offset=1, retracts="f")
    )
    assert not row.sums.any()
    assert row.reactions == 0


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"request_id": "never", "candidate_id": "never/0"}, "unknown_request"),
        ({"candidate_id": "r1/6"}, "unknown_candidate"),
        ({"kind": "retract", "candidate_id": None, "retracts": "never"}, "unknown_feedback"),
    ],
)
async def test_feedback_about_nothing_is_a_dead_letter_and_marks_its_offset(
    desk: Desk, fields: dict[str, Any], code: str
) -> None:
    await shown(desk)
    bad = reaction(**({"offset": 4} | fields))
    row = await learned(desk, bad)
    assert getattr(bad.failure, "code", None) == code
    assert row.is_applied(2, 4, desk.ledger.incarnation)
    assert not row.sums.any()


async def test_a_genre_correction_goes_to_the_classifier(desk: Desk) -> None:
    await shown(desk)
    (correction,) = await events(
        learn(stream([reaction("genre_correction", genre="sonnet")]), desk.learner)
    )
    assert isinstance(correction, Correction)
    assert (correction.genre, correction.instead_of) == ("sonnet", "joke")


async def test_a_correction_to_no_genre_is_a_dead_letter_and_not_learned(desk: Desk) -> None:
    # A rebuild leaves out what is in the dead letters: its rows would differ.
    await shown(desk)
    wrong = reaction("genre_correction", genre="no_genre", offset=4)
    row = await learned(desk, wrong)
    assert getattr(wrong.failure, "code", None) == "unknown_genre"
    assert row.is_applied(2, 4, desk.ledger.incarnation)
    assert row.reactions == 0 and not row.ring["id"].any()


async def test_history_teaches_without_a_decision(desk: Desk) -> None:
    past = Feedback(
        user_id="ada",
        kind="history",
        genre="poetry",
        value=1.0,
        text="A rose is red.",
        feedback_id="h1",
    )
    row = await learned(desk, delivered(past))
    assert row.reactions == 1
    assert row.sums.any()


async def test_history_is_about_the_genre_as_it_was_announced(desk: Desk) -> None:
    past = Feedback(user_id="ada", kind="history", genre="haiku", value=1.0, feedback_id="h1")
    plain, salted = new_desk(), desk
    salted.registry.apply(HAIKU.name, replace(HAIKU, salt=4031, kind="withdrawn"))
    learned_of = [await learned(each, delivered(past)) for each in (plain, salted)]
    liked = [
        genre_taste(each.profiles.posterior(row, None), "haiku", None, 4031).mean
        for each, row in zip((plain, salted), learned_of, strict=True)
    ]
    assert liked[1] > liked[0]


async def test_histories_without_ids_are_each_their_own(desk: Desk) -> None:
    past = [Feedback(user_id="ada", kind="history", genre="poetry", value=1.0) for _ in range(6)]
    row = await learned(desk, *(delivered(each, offset) for offset, each in enumerate(past)))
    assert row.reactions == 6
    once = await learned(new_desk(), delivered(past[0]))
    assert abs(int(row.sums[0]) - 6 * int(once.sums[0])) <= 6


async def accepted(desk: Desk, *reactions: Delivery[Feedback]) -> list[TrainingEvent]:
    learner = replace(desk.learner, trains_from=lambda tenant: tenant is None)
    found = await events(learn(stream(reactions), learner))
    return [event for event in found if isinstance(event, TrainingEvent)]


async def test_what_a_user_accepts_or_edits_is_trained_on_where_the_tenant_has_opted_in(
    desk: Desk,
) -> None:
    await shown(desk)
    decision = desk.ledger.decision("ada", "r1")
    assert decision is not None and decision.answer is not None
    first = next(each for each in decision.answer.candidates if each.candidate_id == "r1/0")
    edit = reaction("edit", text="A better text, by hand.", offset=1)
    taken, written_anew = await accepted(desk, reaction("accept"), edit, reaction("like", offset=2))
    assert (taken.kind, taken.genre, taken.family, taken.text) == (
        "text",
        first.genre,
        first.family,
        first.text,
    )
    assert (taken.user_id, written_anew.text, written_anew.document) == (
        "ada",
        "A better text, by hand.",
        "r1",
    )
    assert [
        each
        for each in await events(learn(stream([edit]), desk.learner))
        if isinstance(each, TrainingEvent)
    ] == []


async def test_nothing_is_trained_on_without_the_users_consent(desk: Desk) -> None:
    await shown(desk)
    refusal = delivered(UserCommand(user_id="ada", kind="consent", allowed=False))
    await events(rights(stream([refusal]), desk.ledger, desk.registry))
    assert await accepted(desk, reaction("accept", offset=1)) == []


async def test_a_clock_two_years_ahead_counts_as_now(desk: Desk) -> None:
    await shown(desk)
    ahead = datetime.fromtimestamp(NOW, UTC) + timedelta(days=730)
    row = await learned(desk, reaction(time=ahead))
    assert row.last <= NOW + 1
    assert desk.ledger.counts["clock_ahead"] == 1


async def test_a_correction_counts_from_now_whatever_it_says(desk: Desk) -> None:
    await shown(desk)
    for number, named in enumerate(("9999-12-31T23:59:59-12:00", "1970-01-01T00:00:00Z")):
        said = reaction("genre_correction", genre="sonnet", offset=number,
                        feedback_id=f"f{number}", time=datetime.fromisoformat(named))  # fmt: skip
        (correction,) = await events(learn(stream([said]), desk.learner))
        assert isinstance(correction, Correction)
        assert correction.time == datetime.fromtimestamp(NOW, UTC)


async def test_a_like_of_a_client_that_sets_no_time_counts_from_now(desk: Desk) -> None:
    await shown(desk)
    row = await learned(desk, reaction(time=datetime.fromtimestamp(0, UTC)))
    assert row.last == NOW and row.moments(NOW)[-1] > 0.9


async def test_a_flood_of_likes_of_one_text_is_one_like(desk: Desk) -> None:
    await shown(desk)
    row = await learned(desk, *(reaction(offset=k, feedback_id=f"f{k}") for k in range(200)))
    assert row.moments(row.last)[-1] <= 2.001
    assert row.reactions == 1


async def test_a_dislike_that_is_sent_again_is_heard_once(desk: Desk) -> None:
    await shown(desk)
    once = await learned(desk, reaction("dislike"))
    ids: list[dict[str, Any]] = [{"feedback_id": f"f{k}"} if k % 2 else {} for k in range(30)]
    again = await learned(
        desk, *(reaction("dislike", offset=1 + k, **each) for k, each in enumerate(ids))
    )
    assert (again.detector, again.alarms) == (once.detector, ())
    assert (again.sums == once.sums).all()


async def test_a_reaction_of_one_tenant_too_many_is_a_dead_letter_and_leaves_nothing(
    desk: Desk,
) -> None:
    learner = replace(desk.learner, tenants=Tenants(allowed=1))
    said = [
        delivered(Feedback(user_id="ada", tenant=tenant, kind="history", genre="joke", value=1.0))
        for tenant in ("acme", "invented", None, "acme")
    ]
    await events(learn(stream(said), learner))
    codes = [getattr(each.failure, "code", None) for each in said]
    assert codes == [None, "too_many_tenants", None, None]
    assert desk.ledger.users.keys() == {b"acme/ada", b"ada"}
