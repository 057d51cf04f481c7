"""What others have learned from a reaction, and how it is taken back: corrections, and texts.

A decision remembers what was passed on about it. What is published follows from what stands in all
of the user's decisions, so that a repeat publishes the same, and a newer correction survives when
an older one is taken back.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from agents.recommend.decision_row import DecisionRow, Lesson
from agents.recommend.ledger import Case
from schemas.corrections import Correction
from schemas.training import TrainingEvent
from streams.worker.delivery import Tombstone

_MOST = 64  # of one decision


def note(case: Case, lesson: Lesson) -> bool:
    """Remember what is passed on; False where it was taken back before."""
    known = passed_on(case.decision, lesson.feedback)
    if known is None and case.decision is not None:
        lessons = (*case.decision.lessons, lesson)[-_MOST:]
        case.store(replace(case.decision, lessons=lessons))
    return known is None or not known.taken_back


def passed_on(decision: DecisionRow | None, feedback: str | None) -> Lesson | None:
    """What was passed on because of the feedback with that id."""
    lessons = decision.lessons if decision is not None else ()
    return next((each for each in lessons if each.feedback == feedback), None)


def taken_back(case: Case, feedback: str) -> Iterator[Correction | TrainingEvent | Tombstone]:
    """Take back what was passed on because of the feedback with that id: what to publish."""
    decision, lesson = case.decision, passed_on(case.decision, feedback)
    if decision is None or lesson is None:
        return
    lessons = (
        replace(each, taken_back=True) if each.feedback == feedback else each
        for each in decision.lessons
    )
    case.store(replace(decision, lessons=tuple(lessons)))
    if lesson.text is None:
        yield from nudges(case)
    elif not _stands(case, lesson):
        yield TrainingEvent(
            kind="retract",
            genre=lesson.genre,
            tenant=decision.tenant,
            user_id=decision.user_id,
            document=decision.request_id,
            digest=lesson.text,
        )


def nudges(case: Case) -> Iterator[Correction | Tombstone]:
    """What classify is to know of every genre to which the case's request was corrected.

    That is the newest of the user's corrections to it that stands, or nothing.
    """
    own = case.decision.lessons if case.decision is not None else ()
    stand = [(each.correction, each) for each in case.remembered()]
    for genre in dict.fromkeys(each.genre for each in own if each.text is None):
        found = [
            _correction(lesson, decision)
            for lesson, decision in stand
            if lesson is not None and lesson.genre == genre
        ]
        # of one time, the last: the one that has just been made
        newest = max(reversed(found), key=lambda each: each.time, default=None)
        yield newest or Tombstone(topic="corrections", key=f"{case.key}/{genre}")


def _stands(case: Case, lesson: Lesson) -> bool:
    """Whether the user gave the same text once more."""
    return any(
        (each.genre, each.text, each.taken_back) == (lesson.genre, lesson.text, False)
        for decision in case.remembered()
        for each in decision.lessons
    )


def _correction(lesson: Lesson, decision: DecisionRow) -> Correction:
    assert decision.embedding is not None
    wrong = decision.genres[0].genre if decision.genres else None
    return Correction(
        user_id=decision.user_id,
        tenant=decision.tenant,
        genre=lesson.genre,
        instead_of=wrong if wrong != lesson.genre else None,
        embedding=decision.embedding,
        time=lesson.time,
    )
