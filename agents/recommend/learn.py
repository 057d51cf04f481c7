"""learn: a reaction comes in, the user's row has learned it; what others learn from it goes out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from functools import partial

from agents.genres.registry import Registry
from agents.recommend.ledger import Case, Ledger
from agents.recommend.reactions import (
    candidates_of,
    described,
    require_shown,
    seen,
    shown_of,
    signal_of,
)
from genre_models.preferences.learner import CLOCK_TOLERANCE, decision_of, learn_one, retract_one
from genre_models.preferences.signals import digest
from schemas.corrections import Correction
from schemas.errors import Rejected
from schemas.feedback import Feedback
from schemas.training import TrainingEvent
from streams.worker.delivery import Delivery, Outputs


@dataclass(frozen=True, slots=True, kw_only=True)
class Learner:
    """Applies reactions to the ledger's rows; with `opt_in`, only after the user's consent."""

    ledger: Ledger
    registry: Registry
    opt_in: bool = False
    trains_from: Callable[[str | None], bool] = lambda tenant: False

    def learn_one(self, delivery: Delivery[Feedback]) -> tuple[Correction | TrainingEvent, ...]:
        """Learn one reaction; what others learn from it: a genre's correction, a text to train on.

        Raises Rejected: unknown_request, nothing_shown, unknown_candidate, unknown_feedback,
        invalid_value, ...
        """
        case = self.ledger.case(delivery)
        allowed = case.may_learn(self.opt_in)
        try:
            if allowed and not case.is_applied:
                self._learn(case, delivery)
        finally:
            # Also for a repeat: a row that was saved before a kill may be missing in the changelog.
            case.keep()
        case.tell()
        return tuple(self._lessons(case, delivery)) if allowed else ()

    def _learn(self, case: Case, delivery: Delivery[Feedback]) -> None:
        reaction, now = delivery.event, delivery.source.timestamp
        if reaction.kind == "retract":
            return self._retract(case, reaction, now)
        if reaction.kind == "history":
            shown, scene = described(delivery, self.registry)
        else:
            shown, scene = seen(reaction, case.decision)
        signal = signal_of(delivery, shown, scene)
        if signal.time > now + CLOCK_TOLERANCE:
            self.ledger.counts["clock_ahead"] += 1  # it counts as of now
        learned = case.learn(partial(learn_one, signal=signal, shown=shown, now=now))
        if learned.alarm is not None:
            self.ledger.counts["taste_changed"] += 1
        return None

    def _retract(self, case: Case, reaction: Feedback, now: float) -> None:
        signal, shown = digest(reaction.retracts or ""), shown_of(require_shown(case.decision))
        if decision_of(case.row, signal) is None:
            raise Rejected(
                "unknown_feedback",
                "Expected a feedback id that is still remembered, got another one.",
            )
        case.learn(partial(retract_one, signal_id=signal, shown=shown, now=now))

    def _lessons(
        self, case: Case, delivery: Delivery[Feedback]
    ) -> Iterator[Correction | TrainingEvent]:
        reaction = delivery.event
        is_repeat_of_erased = case.is_applied and case.decision is None
        if reaction.kind == "genre_correction" and not is_repeat_of_erased:
            yield from self._corrected(case, delivery)
        if reaction.kind in ("accept", "edit") and self.trains_from(reaction.tenant):
            yield from _accepted(case, delivery)

    def _corrected(self, case: Case, delivery: Delivery[Feedback]) -> Iterator[Correction]:
        reaction, decision = delivery.event, require_shown(case.decision)
        if decision.embedding is None or reaction.genre is None:
            return
        if reaction.genre not in self.registry.taxonomy(reaction.tenant):
            raise Rejected(
                "unknown_genre", f"Expected a genre of the taxonomy, got '{reaction.genre}'."
            )
        wrong = decision.genres[0].genre if decision.genres else None
        yield Correction(
            user_id=reaction.user_id,
            tenant=reaction.tenant,
            genre=reaction.genre,
            instead_of=wrong if wrong != reaction.genre else None,
            embedding=decision.embedding,
            time=reaction.time or delivery.received,
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
            time=min(reaction.time or delivery.received, delivery.received),
        )


async def learn(feedback: AsyncIterator[Delivery[Feedback]], learner: Learner) -> Outputs:
    """Learn every reaction in the order in which it comes."""
    async for delivery in feedback:
        with delivery:
            for lesson in learner.learn_one(delivery):
                yield delivery.output(lesson)
