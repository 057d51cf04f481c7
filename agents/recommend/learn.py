"""learn: one reaction comes in, the user's row has learned it; a genre correction goes out to the
classifier."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import numpy as np

from agents.genres.registry import Registry
from agents.recommend.decision_row import DecisionRow
from agents.recommend.ledger import MARKS, Ledger
from agents.recommend.profiles import Profiles
from genre_models.preferences.features import (
    DIMENSION,
    Arm,
    arm_features,
    candidate_features,
    described_features,
)
from genre_models.preferences.learner import CLOCK_TOLERANCE, Shown, decision_of, retract
from genre_models.preferences.learner import learn as apply
from genre_models.preferences.rights import may_learn
from genre_models.preferences.row import UserRow
from genre_models.preferences.signals import KINDS, Kind, Scene, Signal, digest, observe
from schemas.corrections import Correction
from schemas.errors import Rejected
from schemas.feedback import Feedback
from schemas.keys import key_of
from schemas.training import TrainingEvent
from streams.worker.delivery import Delivery, Outputs


@dataclass(frozen=True, slots=True, kw_only=True)
class Learner:
    """Applies reactions to the rows of the ledger; `opt_in` users are learned from only after their
    consent."""

    ledger: Ledger
    profiles: Profiles
    registry: Registry
    opt_in: bool = False
    trains_from: Callable[[str | None], bool] = lambda tenant: False

    def learn_one(self, delivery: Delivery[Feedback]) -> Correction | None:
        """Learn one reaction; what it corrects, if it does.

        Raises Rejected: unknown_request, nothing_shown, unknown_candidate, unknown_feedback,
        invalid_value, ..."""
        key, row = key_of(delivery.event), self.ledger.user(key_of(delivery.event))
        allowed = may_learn(row, self.opt_in)
        mark = (MARKS["feedback"], delivery.source.offset, self.ledger.incarnation)
        marked = row.marked(*mark)
        try:
            if allowed and not row.is_applied(*mark):
                marked = self._learned(marked, delivery)
        finally:
            # Also for a repeat: a row that was saved before a kill may be missing in the changelog.
            self.ledger.keep(key, marked, old=row)
        self.profiles.note(delivery.event.user_id, delivery.event.tenant)
        return (
            self._correction(delivery)
            if allowed and delivery.event.kind == "genre_correction"
            else None
        )

    def _learned(self, row: UserRow, delivery: Delivery[Feedback]) -> UserRow:
        reaction, now = delivery.event, delivery.source.timestamp
        if reaction.kind == "retract":
            return self._retracted(row, reaction, now)
        shown, scene = (
            self._history(delivery) if reaction.kind == "history" else self._decided(reaction)
        )
        kind = KINDS[reaction.kind]
        weight, target = observe(
            kind, reaction.text if kind is Kind.EDIT else reaction.value, scene
        )
        signal = Signal(
            id=digest(reaction.feedback_id or delivery.id),
            decision=shown.decision,
            candidate=0 if kind is Kind.HISTORY else _index(reaction),
            kind=kind,
            time=int(reaction.time.timestamp() if reaction.time else now),
            weight=weight,
            target=target,
        )
        self._note_oddities(signal, now)
        learned = apply(row, signal, shown, now)
        if learned.alarm is not None:
            self.ledger.counts["taste_changed"] += 1
        return learned.row

    def _note_oddities(self, signal: Signal, now: float) -> None:
        if signal.time > now + CLOCK_TOLERANCE:
            self.ledger.counts["clock_ahead"] += 1  # it counts as of now

    def _retracted(self, row: UserRow, reaction: Feedback, now: float) -> UserRow:
        signal = digest(reaction.retracts or "")
        decision = self._known(reaction)
        if decision_of(row, signal) is None:
            raise Rejected(
                "unknown_feedback",
                "Expected a feedback id that is still remembered, got another one.",
            )
        return retract(row, signal, shown_of(decision), now).row

    def _decided(self, reaction: Feedback) -> tuple[Shown, Scene]:
        decision = self._known(reaction)
        shown = shown_of(decision)
        index = _index(reaction)
        if index is None:
            return shown, Scene()
        texts = (
            {each.candidate_id: each.text for each in decision.answer.candidates}
            if decision.answer
            else {}
        )
        text = texts.get(reaction.candidate_id or "")
        if text is None:
            raise Rejected(
                "unknown_candidate",
                f"Expected one of the shown candidates {', '.join(texts)}, got {index}.",
            )
        words = len(text.split())
        return shown, Scene(
            position=shown.positions[index],
            words=words,
            predicted=shown.predicted[index],
            text=text,
        )

    def _known(self, reaction: Feedback) -> DecisionRow:
        decision = self.ledger.decision(key_of(reaction), reaction.request_id or "")
        if decision is None:
            raise Rejected(
                "unknown_request",
                "Expected feedback about one of the user's newest 32 requests, got another.",
            )
        if decision.decision is None:
            raise Rejected(
                "nothing_shown",
                "Expected feedback about a request that was answered with texts, got another.",
            )
        return decision

    def _history(self, delivery: Delivery[Feedback]) -> tuple[Shown, Scene]:
        reaction = delivery.event
        genre = reaction.genre
        known = self.registry.taxonomy(reaction.tenant)
        arm = Arm(
            genre=genre,
            family=known.family_of(genre) if genre and genre in known else None,
            salts={genre: self.registry.salt(genre)} if genre else {},
        )
        if reaction.features is not None:
            features = described_features(arm, reaction.features)
        else:
            features = (
                candidate_features(arm, reaction.text) if reaction.text else arm_features(arm)
            )
        number = digest(f"history/{reaction.feedback_id or delivery.id}")
        return Shown(
            decision=number, features=features[None, :], positions=(0,), predicted=(0.5,)
        ), Scene()

    def accepted(self, reaction: Feedback) -> TrainingEvent | None:
        """What a tenant that has opted in trains on: a text that its user took as it was, or wrote
        anew."""
        key = key_of(reaction)
        opted_in = reaction.kind in ("accept", "edit") and self.trains_from(reaction.tenant)
        if not opted_in or not may_learn(self.ledger.user(key), self.opt_in):
            return None
        decision = self.ledger.decision(key, reaction.request_id or "")
        answer = decision.answer if decision else None
        shown = {each.candidate_id: each for each in answer.candidates} if answer else {}
        candidate = shown.get(reaction.candidate_id or "")
        text = reaction.text if reaction.kind == "edit" else candidate.text if candidate else None
        if candidate is None or candidate.genre is None or not text:
            return None
        return TrainingEvent(
            kind="text",
            genre=candidate.genre,
            family=candidate.family,
            tenant=reaction.tenant,
            user_id=reaction.user_id,
            text=text,
            document=reaction.request_id,
        )

    def _correction(self, delivery: Delivery[Feedback]) -> Correction | None:
        reaction = delivery.event
        decision = self._known(reaction)
        if decision.embedding is None or reaction.genre is None:
            return None
        if reaction.genre not in self.registry.taxonomy(reaction.tenant):
            raise Rejected(
                "unknown_genre", f"Expected a genre of the taxonomy, got '{reaction.genre}'."
            )
        wrong = decision.genres[0].genre if decision.genres else None
        return Correction(
            user_id=reaction.user_id,
            tenant=reaction.tenant,
            genre=reaction.genre,
            instead_of=wrong if wrong != reaction.genre else None,
            embedding=decision.embedding,
            time=reaction.time or delivery.received,
        )


def shown_of(row: DecisionRow) -> Shown:
    """What the user saw, as the learner needs it; candidates in the order of their index."""
    decided = row.decision
    assert decided is not None
    features = np.zeros((1 + max(each.index for each in decided.candidates), DIMENSION), np.float32)
    positions, predicted = [0] * len(features), [0.5] * len(features)
    for each in decided.candidates:
        features[each.index] = np.frombuffer(each.features, "<f2")
        positions[each.index], predicted[each.index] = each.position, each.score
    return Shown(
        decision=digest(row.request_id), features=features, positions=positions, predicted=predicted
    )


def _index(reaction: Feedback) -> int | None:
    return int(reaction.candidate_id.rpartition("/")[2]) if reaction.candidate_id else None


async def learn(feedback: AsyncIterator[Delivery[Feedback]], learner: Learner) -> Outputs:
    """Learn every reaction in the order in which it comes."""
    async for delivery in feedback:
        with delivery:
            correction = learner.learn_one(delivery)
            if correction is not None:
                yield delivery.output(correction)
            text = learner.accepted(delivery.event)
            if text is not None:
                yield delivery.output(text)
