"""learn: a reaction comes in, the user's row has learned it; what others learn from it goes out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256

from agents.genres.registry import Registry
from agents.recommend.decision_row import DecisionRow, Lesson
from agents.recommend.ledger import Case, Ledger
from agents.recommend.lessons import note, nudges, passed_on, taken_back
from agents.recommend.reactions import (
    candidates_of,
    described,
    require_shown,
    seen,
    shown_of,
    signal_of,
)
from agents.tenants import Tenants
from genre_models.preferences.learner import decision_of, learn_one, retract_one
from genre_models.preferences.signals import digest
from schemas.corrections import Correction
from schemas.errors import Rejected
from schemas.feedback import Feedback
from schemas.fields import Id
from schemas.training import TrainingEvent
from streams.worker.delivery import Delivery, Outputs, Tombstone

Passed = Correction | TrainingEvent | Tombstone
"""What other roles learn from a reaction, or forget."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Learner:
    """Applies reactions to the ledger's rows; with `opt_in`, only after the user's consent."""

    ledger: Ledger
    registry: Registry
    opt_in: bool = False
    trains_from: Callable[[str | None], bool] = lambda tenant: False
    tenants: Tenants = field(default_factory=Tenants)

    def learn_one(self, delivery: Delivery[Feedback]) -> tuple[Passed, ...]:
        """Learn one reaction; what others learn from it: a genre's correction, a text to train on.

        Or, of one that is retracted, what they are to forget.

        Raises Rejected: unknown_request, nothing_shown, unknown_candidate, unknown_feedback,
        invalid_value, too_many_tenants, ...
        """
        self.tenants.check(delivery.event.tenant)
        case = self.ledger.case(delivery)
        allowed = case.may_learn(self.opt_in)
        try:
            if allowed and not case.is_applied:
                self._learn(case, delivery)
                self.tenants.taught(delivery.event.tenant)
        finally:
            # Also for a repeat: a row that was saved before a kill may be missing in the changelog.
            case.keep()
        case.tell()
        if delivery.event.kind == "retract":
            return tuple(taken_back(case, delivery.event.retracts or ""))
        return tuple(self._lessons(case, delivery)) if allowed else ()

    def _learn(self, case: Case, delivery: Delivery[Feedback]) -> None:
        reaction, now = delivery.event, delivery.source.timestamp
        if reaction.kind == "retract":
            return self._retract(case, reaction, now)
        if reaction.kind == "history":
            shown, scene = described(delivery, self.registry)
        else:
            shown, scene = seen(reaction, case.decision)
            self._check_genre(reaction, case.decision)
        signal = signal_of(delivery, shown, scene)
        if delivery.is_redated:
            self.ledger.counts["clock_ahead"] += 1  # or never set; it counts as of its record
        learned = case.learn(partial(learn_one, signal=signal, shown=shown, now=now))
        if learned.alarm is not None:
            self.ledger.counts["taste_changed"] += 1
        return None

    def _retract(self, case: Case, reaction: Feedback, now: float) -> None:
        signal, shown = digest(reaction.retracts or ""), shown_of(require_shown(case.decision))
        if decision_of(case.row, signal) is None:
            if passed_on(case.decision, reaction.retracts) is not None:
                return  # beyond the newest 64 signals, and still to be taken back from others
            raise Rejected(
                "unknown_feedback",
                "Expected a feedback id that is still remembered, got another one.",
            )
        case.learn(partial(retract_one, signal_id=signal, shown=shown, now=now))

    def _lessons(self, case: Case, delivery: Delivery[Feedback]) -> Iterator[Passed]:
        reaction = delivery.event
        is_repeat_of_erased = case.is_applied and case.decision is None
        if reaction.kind == "genre_correction" and not is_repeat_of_erased:
            yield from self._corrected(case, delivery)
        if reaction.kind in ("accept", "edit") and self.trains_from(reaction.tenant):
            for text in _accepted(case, delivery):
                lesson = _lesson(delivery, text.genre, text.text)
                if note(case, lesson):
                    yield text

    def _corrected(
        self, case: Case, delivery: Delivery[Feedback]
    ) -> Iterator[Correction | Tombstone]:
        reaction, decision = delivery.event, require_shown(case.decision)
        if decision.embedding is None or reaction.genre is None:
            return
        self._check_genre(reaction, decision)
        if note(case, _lesson(delivery, reaction.genre)):
            yield from nudges(case)

    def _check_genre(self, reaction: Feedback, decision: DecisionRow | None) -> None:
        """Refuse a correction to a genre that there is not; before it is learned, as all that is.

        A decision of a replay has no embedding: the genre may have gone since.
        """
        is_checked = decision is not None and decision.embedding is not None
        if not is_checked or reaction.kind != "genre_correction" or reaction.genre is None:
            return
        if reaction.genre not in self.registry.taxonomy(reaction.tenant):
            raise Rejected(
                "unknown_genre", f"Expected a genre of the taxonomy, got '{reaction.genre}'."
            )


def _lesson(delivery: Delivery[Feedback], genre: str, text: str | None = None) -> Lesson:
    reaction = delivery.event
    return Lesson(
        feedback=reaction.feedback_id or delivery.given_id(Id),
        genre=genre,
        time=reaction.time or delivery.received,
        text=sha256(text.encode()).hexdigest() if text else None,
    )


def _accepted(case: Case, delivery: Delivery[Feedback]) -> Iterator[TrainingEvent]:
    """A text that its user took as it was, or wrote anew: what an opted-in tenant trains on.

    It has the reaction's time, not this moment's: its user may have been erased in between.
    """
    reaction = delivery.event
    shown = {each.candidate_id: each for each in candidates_of(case.decision)}
    candidate = shown.get(reaction.candidate_id or "")
    text = reaction.text if reaction.kind == "edit" else candidate.text if candidate else None
    if candidate is not None and candidate.genre is not None and text:
        yield TrainingEvent(
            kind="text",
            genre=candidate.genre,
            family=candidate.family,
            tenant=reaction.tenant,
            user_id=reaction.user_id,
            text=text,
            document=reaction.request_id,
            time=delivery.happened,
        )


async def learn(feedback: AsyncIterator[Delivery[Feedback]], learner: Learner) -> Outputs:
    """Learn every reaction in the order in which it comes."""
    async for delivery in feedback:
        with delivery:
            for lesson in learner.learn_one(delivery):
                yield delivery.output(lesson)
