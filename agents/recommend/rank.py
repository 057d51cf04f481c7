"""rank: candidates come in, their request's one recommendation and the decision to log go out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

from agents.failures import failure_of
from agents.recommend.decision_row import DecisionRow
from agents.recommend.ledger import Ledger
from agents.recommend.profiles import Profiles
from genre_models.preferences.features import FEATURES_VERSION, Arm
from genre_models.preferences.row import UserRow
from genre_models.ranker import IGW_SHARE, Ranked, Ranking, rank_candidates
from genre_models.ranker import Candidate as Rankable
from schemas.candidates import Candidate, CandidateSet
from schemas.decisions import DecidedCandidate, Decision
from schemas.errors import Rejected
from schemas.generations import ArmTask
from schemas.parts import Failure
from schemas.recommendations import RankedCandidate, Recommendation
from streams.wire.topics import NOT_THE_LAST
from streams.worker.delivery import Delivery, Outputs

Status = Literal["ok", "error", "expired", "declined"]

_STATUS: dict[str, Status] = {"expired": "expired", "declined": "declined"}

RANK_FAILED = Failure(code="rank_failed", message="The texts could not be ranked.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranker:
    """Answers open requests in the ledger; `exploration` False is the kill switch.

    `evaluated` is the share of decisions that are drawn for evaluation.
    """

    ledger: Ledger
    profiles: Profiles
    exploration: bool = True
    evaluated: float = IGW_SHARE

    def answered(self, delivery: Delivery[CandidateSet]) -> DecisionRow | None:
        """The row with its answer: made from a request's first set, as stored for every later one.

        None for a set that was handled long ago. Raises Rejected (unknown_request) for a set that
        nobody asked for.
        """
        written = delivery.event
        if written.failure is not None and written.failure.code in NOT_THE_LAST:
            # It has no row, or one that was opened since by asking again: a function of this event.
            bare = _bare(written)
            return replace(bare, answer=_refused(bare, written.failure, written))
        case = self.ledger.case(delivery)
        decision = case.decision
        if decision is None:
            _check_known(written, case.is_applied)
            return None
        if decision.is_open:
            decision = self._answer(decision, case.row, delivery)
        case.store(decision)
        case.keep()
        return decision

    def _answer(
        self, decision: DecisionRow, row: UserRow, delivery: Delivery[CandidateSet]
    ) -> DecisionRow:
        try:
            return self._ranked(decision, row, delivery)
        except Exception as error:
            # A defect costs its own request an error, not a client its answer.
            failure = failure_of(error, RANK_FAILED, decision.request_id)
            return replace(decision, answer=_refused(decision, failure, delivery.event))

    def _ranked(
        self, decision: DecisionRow, row: UserRow, delivery: Delivery[CandidateSet]
    ) -> DecisionRow:
        written = delivery.event
        failure = decision.failure or written.failure
        if failure is not None:
            return replace(decision, answer=_refused(decision, failure, written))
        arms = {arm.index: arm for arm in decision.arms}
        candidates = [
            each for each in written.candidates if each.failure is None and each.index in arms
        ]
        ranking = rank_candidates(
            [_rankable(each, arms[each.index]) for each in candidates],
            self.profiles.posterior(row, written.tenant),
            decision.seed,
            explore=self.exploration and not row.opted_out,
            evaluated=self.evaluated,
            context=decision.context,
        )
        if not ranking.ranked:
            return replace(decision, answer=_refused(decision, _nothing(ranking), written))
        by_index = {each.index: each for each in candidates}
        return replace(
            decision,
            answer=_recommendation(decision, written, ranking, by_index),
            decision=_decision(decision, ranking, by_index, delivery, row.reactions),
        )


def _check_known(written: CandidateSet, applied: bool) -> None:
    failure = written.failure
    if applied or (failure is not None and failure.code in ("expired", "repeated")):
        return
    raise Rejected(
        "unknown_request",
        "Expected candidates of an open request, got a request that is not known.",
    )


def _rankable(candidate: Candidate, arm: ArmTask) -> Rankable:
    return Rankable(
        index=candidate.index,
        arm=Arm(
            genre=arm.genre,
            family=arm.family,
            adapter=arm.adapter,
            blend=tuple((part.adapter, part.weight) for part in arm.blend),
            style=arm.style,
            probability=arm.probability,
            salts=arm.salts,
        ),
        text=candidate.text,
        projection=candidate.projection,
        text_probability=candidate.text_probability if arm.genre else None,
        model_score=candidate.logprob,
        judged=candidate.judged,
        is_cut=_breaks_off(candidate),
        is_safe=candidate.verdict.allowed,
    )


def _breaks_off(candidate: Candidate) -> bool:
    # An older worker does not say it.
    said = candidate.broken_off
    return candidate.finish == "length" if said is None else said


def _recommendation(
    decision: DecisionRow, written: CandidateSet, ranking: Ranking, candidates: dict[int, Candidate]
) -> Recommendation:
    arms = {arm.index: arm for arm in decision.arms}
    return Recommendation(
        request_id=decision.request_id,
        user_id=decision.user_id,
        tenant=decision.tenant,
        status="ok",
        candidates=tuple(
            _shown(decision, arms[each.index], candidates[each.index], each)
            for each in ranking.ranked
        ),
        genre=decision.genres[0].genre if decision.genres else None,
        language=decision.language,
        policy=ranking.policy,
        usage=written.usage,
    )


def _shown(
    decision: DecisionRow, arm: ArmTask, candidate: Candidate, place: Ranked
) -> RankedCandidate:
    return RankedCandidate(
        candidate_id=f"{decision.request_id}/{candidate.index}",
        text=candidate.text,
        genre=arm.genre,
        family=arm.family,
        adapter=arm.adapter,
        blend=arm.blend,
        style=arm.style,
        prompt=arm.prompt,
        score=place.score,
        propensity=place.propensity,
        finish=candidate.finish,
        trimmed=candidate.trimmed,
        draft=candidate.draft,
        why=f"{place.why}{_remarks(candidate)} (chosen because {arm.reason})"[:2000],
    )


def _remarks(candidate: Candidate) -> str:
    return f"; it {candidate.remarks}" if candidate.remarks else ""


def _decision(
    decision: DecisionRow,
    ranking: Ranking,
    candidates: dict[int, Candidate],
    delivery: Delivery[CandidateSet],
    reactions: int,
) -> Decision:
    arms = {arm.index: arm for arm in decision.arms}
    return Decision(
        request_id=decision.request_id,
        user_id=decision.user_id,
        tenant=decision.tenant,
        time=delivery.received,
        policy=ranking.policy,
        seed=decision.seed,
        features_version=FEATURES_VERSION,
        reactions=reactions,
        candidates=tuple(
            DecidedCandidate(
                index=each.index,
                position=position,
                genre=arms[each.index].genre,
                adapter=arms[each.index].adapter,
                blend=arms[each.index].blend,
                style=arms[each.index].style,
                arm_propensity=arms[each.index].propensity,
                propensity=each.propensity,
                score=each.predicted,
                quality=each.score - each.predicted,
                broken_off=_breaks_off(candidates[each.index]),
                seed=arms[each.index].seed,
                features=each.features.astype("<f2").tobytes(),
            )
            for position, each in enumerate(ranking.ranked)
        ),
    )


def _refused(decision: DecisionRow, failure: Failure, written: CandidateSet) -> Recommendation:
    return Recommendation(
        request_id=decision.request_id,
        user_id=decision.user_id,
        tenant=decision.tenant,
        status=_STATUS.get(failure.code, "error"),
        code=failure.code,
        message=failure.message,
        genre=decision.genres[0].genre if decision.genres else None,
        language=decision.language,
        usage=written.usage,
    )


def _nothing(ranking: Ranking) -> Failure:
    if "unsafe" in ranking.dropped.values():
        return Failure(
            code="declined", message="Every text that was written was held back by the safety gate."
        )
    return Failure(code="no_text", message="No text was written.")


def _bare(written: CandidateSet) -> DecisionRow:
    return DecisionRow(
        request_id=written.request_id,
        user_id=written.user_id,
        tenant=written.tenant,
        deadline=datetime.now(UTC),
        reply=written.reply,
        seed=0,
    )


async def rank(sets: AsyncIterator[Delivery[CandidateSet]], ranker: Ranker) -> Outputs:
    """Answer every request once: store, then publish; a repeat publishes what is stored."""
    async for delivery in sets:
        with delivery:
            answered = ranker.answered(delivery)
            if answered is None or answered.answer is None:
                continue
            with ranker.ledger.published(answered):
                await ranker.ledger.flush()
                yield delivery.output(answered.answer, reply=answered.reply)
                if answered.decision is not None:
                    yield delivery.output(answered.decision)
