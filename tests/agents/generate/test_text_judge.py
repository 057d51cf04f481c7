"""What is said of every text: of its genre, where it lies, and whether it may be shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from agents.generate.text_judge import TextJudge
from benchmarks.stand_ins import InstantEncoder
from genre_models.encoder import quantise
from genre_models.endings import Ending
from genre_models.engine import Finished
from genre_models.judging import Judge
from genre_models.projection import project
from genre_models.safety import SafetyGate
from genre_models.safety.learned import Score
from genre_models.safety.score import Scores
from schemas.candidates import Candidate
from schemas.generations import GenerationTask
from tests.agents.generate.conftest import task

JOKE, SONNET = "A dentist walks into a bar.", "The sea is wide and grey."


class OnlyJokes:
    """A classifier for which every text is a joke, surely, and of no other genre."""

    def of(self, tenant: str | None) -> OnlyJokes:
        return self

    def text_probability(self, embedding: NDArray[np.float32], genre: str) -> float:
        return 0.9 if genre == "joke" else 0.1


@pytest.fixture(name="judge")
def _judge() -> TextJudge:
    classifiers: Any = OnlyJokes()
    return TextJudge(
        encoder=InstantEncoder(), classifiers=classifiers, gate=SafetyGate(), judge=Judge.load()
    )


def asked(*genres: str | None) -> GenerationTask:
    """A task with an arm of each of these genres."""
    event = task("r", arms=len(genres)).event
    arms = zip(event.arms, genres, strict=True)
    return replace(event, arms=tuple(replace(arm, genre=genre) for arm, genre in arms))


def ended(text: str, **known: Any) -> Finished:
    """A text of three tokens that was written to its end."""
    end = Finished(id="row", text=text, reason="stop", logprob=-2.0, tokens_in=8, tokens_out=3)
    return replace(end, **known)


def test_there_is_one_candidate_an_arm_in_the_arms_order(judge: TextJudge) -> None:
    ends = {2: [ended("Fog.")], 1: [ended(SONNET, reason="length")], 0: [ended(JOKE)]}
    found = judge.candidates(asked("joke", "sonnet", None), ends)
    assert [(each.index, each.text, each.finish) for each in found] == [
        (0, JOKE, "stop"),
        (1, SONNET, "length"),
        (2, "Fog.", "stop"),
    ]
    assert [each.text_probability for each in found] == [0.9, 0.1, 0.0]
    rows = InstantEncoder().encode([JOKE, SONNET])
    for candidate, row in zip(found, rows, strict=False):
        assert candidate.projection == pytest.approx(project(row), abs=1e-6)
    assert (found[1].tokens, found[1].logprob) == (3, -2.0)


def test_rounding_makes_no_text_surer_than_sure(judge: TextJudge) -> None:
    (found,) = judge.candidates(asked("joke"), {0: [ended(JOKE, logprob=1e-7)]})
    assert found.logprob == 0.0


def test_what_may_not_be_shown_says_so(judge: TextJudge) -> None:
    unsafe = "Go and kill yourself, nobody would miss you."
    drafts = {0: [ended(JOKE)], 1: [ended(unsafe)]}
    shown, held_back = judge.candidates(asked("joke", "joke"), drafts)
    assert shown.verdict.allowed and not held_back.verdict.allowed


def test_what_the_learned_score_declines_gives_way_to_another_draft(judge: TextJudge) -> None:
    mean = "They breed like rats and the town is full of them."

    def told(texts: Sequence[str]) -> list[Score]:
        return [
            Score(probability=0.9, category="hate", is_harmful="rats" in each) for each in texts
        ]

    def unasked(texts: Sequence[str]) -> list[Score]:
        raise AssertionError(f"expected no question about requests, got {texts}")

    scored = replace(judge, gate=SafetyGate(Scores(requests=unasked, texts=told)))
    (shown,) = scored.candidates(asked("joke"), {0: [ended(mean), ended(JOKE)]})
    assert (shown.text, shown.verdict.allowed) == (JOKE, True)
    (alone,) = scored.candidates(asked("joke"), {0: [ended(mean)]})
    assert not alone.verdict.allowed and alone.verdict.code == "hate"


def test_a_row_that_failed_is_a_candidate_with_its_code(judge: TextJudge) -> None:
    end = ended("", reason="failed", code="not_finite", message="NaN")
    (found,) = judge.candidates(asked("joke"), {0: [end]})
    assert found.failure is not None
    assert (found.failure.code, found.failure.message) == ("not_finite", "NaN")


def test_what_ran_out_of_tokens_is_cut_back_and_says_so(judge: TextJudge) -> None:
    texts = (f"{JOKE} He asks for", f"{JOKE}\nHe asks for", "A dentist walks", "What am I?", JOKE)
    ends = {index: [ended(text, reason="length")] for index, text in enumerate(texts)}
    ends[3] = [ended(texts[3])]
    endings = {1: Ending(unit="line"), 3: Ending(closing="Answer:")}
    found = judge.candidates(asked("joke", "poetry", "joke", "riddle", None), ends, endings)
    assert [(each.text, each.trimmed, each.broken_off) for each in found] == [
        (JOKE, True, False),
        (JOKE, True, False),
        (texts[2], False, True),
        (texts[3], False, True),
        (JOKE, False, False),
    ]


def drafted(judge: TextJudge, *drafts: Finished, arms: int = 1) -> tuple[Candidate, ...]:
    """The candidates of arms that have the same drafts."""
    return judge.candidates(asked(*["joke"] * arms), dict.fromkeys(range(arms), drafts))


def test_the_best_draft_is_shown_and_says_which_it_is(judge: TextJudge) -> None:
    refusal, preamble = "I'm sorry, but I can't help with that.", f"Sure! Here you are:\n\n{JOKE}"
    (found,) = drafted(judge, ended(refusal), ended(JOKE), ended(preamble))
    assert (found.text, found.draft) == (JOKE, 1)
    (alone,) = drafted(judge, ended(refusal))
    assert found.judged is not None and alone.judged is not None
    assert found.judged > alone.judged and "refuses" in alone.remarks


@pytest.mark.parametrize(
    "worse",
    [
        ended("A dentist walks", reason="length"),
        ended(""),
        ended("", reason="failed", code="not_finite", message="NaN"),
        ended(JOKE, reason="cancelled"),
        ended("Go and kill yourself, nobody would miss you."),
    ],
    ids=["breaks off", "empty", "failed", "given up", "unsafe"],
)
def test_a_draft_that_is_whole_and_allowed_is_shown_rather_than_any_other(
    worse: Finished, judge: TextJudge
) -> None:
    poor = ended("The the the the the the.")
    (found,) = drafted(judge, worse, poor)
    assert found.text == poor.text and found.failure is None


def test_arms_with_like_drafts_show_different_ones(judge: TextJudge) -> None:
    one, other = drafted(judge, ended(JOKE), ended(JOKE.upper()), ended(SONNET), arms=2)
    assert {one.text.lower(), other.text.lower()} == {JOKE.lower(), SONNET.lower()}
    same, again = drafted(judge, ended(JOKE), ended(JOKE), arms=2)
    assert same.text == again.text == JOKE, "where there is no other"


def test_what_has_an_embedding_is_not_encoded_again(judge: TextJudge) -> None:
    class Counting(InstantEncoder):
        def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
            encoded.append(list(texts))
            return super().encode(texts)

    encoded: list[list[str]] = []
    counting = replace(judge, encoder=Counting())
    bare = asked("joke")
    known = replace(bare, embedding=quantise(InstantEncoder().encode([bare.prompt])[0]))
    found = [counting.candidates(each, {0: [ended(JOKE)]}) for each in (bare, known)]
    assert encoded == [[bare.prompt, JOKE], [JOKE]]
    judged = [each.judged or 0.0 for (each,) in found]
    assert judged[0] == pytest.approx(judged[1], abs=0.05)
