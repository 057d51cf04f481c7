"""What suggestions are made of: the user's own requests, while they are remembered and may be."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agents.recommend.decision_row import DecisionRow
from agents.recommend.liked import liked_requests
from agents.recommend.plan import plan
from agents.recommend.rank import rank
from agents.recommend.rights import rights
from genre_models.suggestions import LONGEST, SUGGESTION, Liked
from genre_models.taxonomy import Taxonomy
from schemas.classified import ClassifiedRequest
from schemas.decisions import Decision
from schemas.generations import GenerationTask
from schemas.recommendations import Recommendation
from schemas.requests import GenerationRequest
from schemas.users import UserCommand
from tests.agents.deliveries import delivered, events, stream
from tests.agents.recommend.conftest import Desk, classified, learned, reaction, written

DENTISTS = "a joke about dentists"


def asked(prompt: str = DENTISTS, request_id: str = "r1", user: str = "ada") -> ClassifiedRequest:
    request = GenerationRequest(user_id=user, prompt=prompt, request_id=request_id)
    return classified(request_id, user, request=request)


def suggestion(
    request_id: str = "s1", user: str = "ada", *topics: str, **wishes: object
) -> ClassifiedRequest:
    request = GenerationRequest(user_id=user, prompt=SUGGESTION, request_id=request_id)
    request = replace(request, **wishes)  # type: ignore[arg-type]
    return classified(request_id, user, request=request, topics=topics, genres=(), embedding=None)


async def answered(desk: Desk, request: ClassifiedRequest, offset: int = 0) -> list[object]:
    """The request's task, then what `rank` makes of its texts."""
    task = await events(plan(stream([delivered(request, offset)]), desk.planner))
    texts = written(request.request_id, request.user_id)
    return task + await events(rank(stream([delivered(texts, offset)]), desk.ranker))


def liked(desk: Desk, user: str = "ada") -> tuple[Liked, ...]:
    return liked_requests(desk.ledger.case(delivered(classified("another", user))))


def prompts(found: list[object]) -> list[str | None]:
    (task,) = (each for each in found if isinstance(each, GenerationTask))
    return [arm.prompt for arm in task.arms]


EXAMPLES = {text for genre in Taxonomy.load().genres.values() for text in genre.requests}


async def test_a_stranger_gets_a_varied_sample_of_examples(desk: Desk) -> None:
    task, answer, decision = await answered(desk, suggestion())
    assert isinstance(task, GenerationTask) and isinstance(answer, Recommendation)
    assert len({arm.genre for arm in task.arms}) == 4 and task.prompt == SUGGESTION
    assert {arm.prompt for arm in task.arms} <= EXAMPLES
    assert answer.status == "ok" and answer.genre is None
    shown = {each.candidate_id[-1]: each for each in answer.candidates}
    for arm in task.arms:
        each = shown[str(arm.index)]
        assert (each.genre, each.prompt) == (arm.genre, arm.prompt) and "suggested" in each.why
    assert isinstance(decision, Decision)
    assert sum(each.propensity for each in decision.candidates) == pytest.approx(1)
    assert {each.index: each.arm_propensity for each in decision.candidates} == {
        arm.index: arm.propensity for arm in task.arms
    }


async def test_a_suggestion_is_about_what_was_liked_and_is_learned_from(desk: Desk) -> None:
    await answered(desk, asked())
    before = await learned(desk, reaction("like", 0))
    found = await answered(desk, suggestion(genre="joke", candidates=1), 1)
    assert prompts(found) in ([DENTISTS], ["Write a joke about dentists."])
    after = await learned(desk, reaction("like", 0, offset=1, request_id="s1", candidate_id="s1/0"))
    assert after.reactions == before.reactions + 1
    assert prompts(found)[0] in {each.prompt for each in liked(desk)}


async def test_liked_is_what_a_text_was_liked_of_newest_first_and_nothing_else(desk: Desk) -> None:
    for number, prompt in enumerate((DENTISTS, "a poem about tea", "an ad for soap")):
        await answered(desk, asked(prompt, f"r{number + 1}"), number)
    like = {"request_id": "r2", "candidate_id": "r2/1"}
    await learned(
        desk,
        reaction("like", 0),
        reaction("dislike", 1, offset=1),
        reaction("like", 1, offset=2, **like),
        reaction("dislike", 0, offset=3, request_id="r3", candidate_id="r3/0"),
    )
    assert [each.prompt for each in liked(desk)] == ["a poem about tea", DENTISTS]
    assert all(each.genre in ("joke", "poetry") for each in liked(desk))


async def test_a_like_that_is_taken_back_is_none(desk: Desk) -> None:
    await answered(desk, asked())
    await learned(
        desk,
        reaction("like", 0, feedback_id="f1"),
        reaction("retract", offset=1, retracts="f1"),
    )
    assert liked(desk) == ()


async def test_nothing_comes_from_another_user(desk: Desk) -> None:
    await answered(desk, asked())
    await learned(desk, reaction("like", 0))
    for number in range(5):
        found = await answered(desk, suggestion(f"s{number}", "ben"), number + 1)
        assert set(prompts(found)) <= EXAMPLES
    assert liked(desk, "ben") == ()


async def test_an_erase_takes_topics_with_it(desk: Desk) -> None:
    await answered(desk, asked("a joke about xylophones"))
    await learned(desk, reaction("like", 0))
    await answered(desk, suggestion(), 1)
    assert b"xylophones" in b"".join(desk.ledger.decisions.values())
    erase = delivered(UserCommand(user_id="ada", kind="erase"))
    await events(rights(stream([erase]), desk.ledger, desk.registry))
    assert liked(desk) == () and not desk.ledger.decisions


async def test_of_who_refused_nothing_is_kept_and_nothing_used(desk: Desk) -> None:
    await answered(desk, asked("a joke about xylophones"))
    await learned(desk, reaction("like", 0))
    refused = delivered(UserCommand(user_id="ada", kind="consent", allowed=False), 1)
    await events(rights(stream([refused]), desk.ledger, desk.registry))
    for number in range(4):
        found = await answered(desk, suggestion(f"s{number}"), number + 1)
        assert set(prompts(found)) <= EXAMPLES
    await answered(desk, asked("a joke about zithers", "r9"), 9)
    assert b"zithers" not in b"".join(desk.ledger.decisions.values())


async def test_long_requests_are_no_topics(desk: Desk) -> None:
    await answered(desk, asked("a joke about " + "x" * LONGEST))
    await learned(desk, reaction("like", 0))
    assert liked(desk) == ()


async def test_who_is_not_explored_for_gets_what_is_believed_best(desk: Desk) -> None:
    await answered(desk, asked())
    await learned(desk, reaction("like", 0))
    opt_out = delivered(UserCommand(user_id="ada", kind="explore", allowed=False), 1)
    await events(rights(stream([opt_out]), desk.ledger, desk.registry))
    plans = [await answered(desk, suggestion(f"s{k}"), k + 2) for k in range(3)]
    (first, *others) = [plan[0] for plan in plans]
    assert isinstance(first, GenerationTask)
    for other in others:
        assert isinstance(other, GenerationTask)
        assert [arm.genre for arm in other.arms] == [arm.genre for arm in first.arms]
    assert any("dentists" in (arm.prompt or "") for arm in first.arms)
    assert all(isinstance(plan[1], Recommendation) and plan[1].policy == "greedy" for plan in plans)


async def test_topics_of_the_context_are_asked_about(desk: Desk) -> None:
    found = await answered(desk, suggestion("s1", "ada", "gardening"))
    assert all((prompt or "").endswith("about gardening.") for prompt in prompts(found))


def test_rows_of_earlier_versions_name_no_prompt() -> None:
    row = DecisionRow.unpack(
        DecisionRow(
            request_id="r", user_id="a", tenant=None, deadline=classified().deadline, seed=1
        ).pack()
    )
    assert row.prompt is None
