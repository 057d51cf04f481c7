"""plan: a classified request comes in and stays open; arms to write its candidates go out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from agents.failures import expired, failure_of
from agents.genres.registry import Registry
from agents.recommend.decision_row import DecisionRow
from agents.recommend.ledger import ERASED, Ledger
from agents.recommend.profiles import Profiles
from genre_models.planner import PlannedArm, Wish, plan_arms, prompt_card
from genre_models.preferences.learner import CLOCK_TOLERANCE
from genre_models.preferences.posterior import Posterior
from genre_models.preferences.row import UserRow
from genre_models.preferences.signals import digest
from schemas.candidates import CandidateSet
from schemas.classified import ClassifiedRequest
from schemas.errors import Rejected
from schemas.generations import ArmTask, GenerationTask
from schemas.keys import key_of
from schemas.parts import BlendPart, Failure
from streams.worker.delivery import Delivery, Outputs

REPEATED = Failure(
    code="repeated", message="The request was answered before; the same answer follows."
)
NOT_PLANNED = Failure(code="not_planned", message="The request has no plan.")
PLAN_FAILED = Failure(code="plan_failed", message="The request could not be planned.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Planner:
    """Opens requests in the ledger, chooses their arms; `exploration` False is the kill switch."""

    ledger: Ledger
    profiles: Profiles
    registry: Registry
    exploration: bool = True

    def open(self, delivery: Delivery[ClassifiedRequest]) -> GenerationTask | CandidateSet | None:
        """A request's task, or the failure that `rank` answers it with; None for one long done."""
        request, case = delivery.event, self.ledger.case(delivery)
        case.bury_again()
        decision = case.decision
        if decision is None:
            if case.is_applied:
                return None
            decision, failure = self._opened(request, case.row)
            try:
                case.open(decision)
            except Rejected as error:
                refused = Failure(code=error.code, message=error.message)
                return replace(_failed(request, refused), reply=request.reply)
        else:
            failure = _refusal(request, case.row) if decision.is_open else REPEATED
            # Delivered again: a row that was saved before a kill may be missing in the changelog.
            case.store(decision.emptied(ERASED) if failure is ERASED else decision)
        if failure is not None or not decision.arms:
            return _failed(request, failure or NOT_PLANNED)
        return _task(request, decision)

    def remember(self, delivery: Delivery[ClassifiedRequest]) -> None:
        """Note that the request was opened, once its decision is safe; not one that was refused.

        The case is read again: others may have changed the row meanwhile.
        """
        case = self.ledger.case(delivery)
        if case.decision is not None:
            case.remember()

    def _opened(
        self, request: ClassifiedRequest, row: UserRow
    ) -> tuple[DecisionRow, Failure | None]:
        failure = _refusal(request, row)
        if failure is None:
            try:
                posterior = self.profiles.posterior(row, request.tenant)
                explore = self.exploration and not row.opted_out
                arms = self._arms(request, posterior, explore=explore)
                return _row(request, arms, _lines(request, posterior)), None
            except Exception as error:
                failure = failure_of(error, PLAN_FAILED, request.request_id)
        refused = _row(request, (), (), failure)
        return refused.emptied(ERASED) if failure is ERASED else refused, failure

    def _arms(
        self, request: ClassifiedRequest, posterior: Posterior, *, explore: bool
    ) -> tuple[ArmTask, ...]:
        wanted = request.request
        tenant = request.tenant
        genres = self.registry.taxonomy(tenant).genres
        chosen = plan_arms(
            Wish(
                classified=[(each.genre, each.probability) for each in request.genres],
                fallback=request.fallback,
                family=request.family,
                genre=wanted.genre,
                style=wanted.style,
                context=wanted.context,
            ),
            genres,
            {genre: self.registry.of_genre(genre, tenant) for genre in genres},
            posterior,
            wanted.candidates,
            seed_of(request),
            explore=explore,
        )
        return tuple(_arm(index, each, request) for index, each in enumerate(chosen))


def _lines(request: ClassifiedRequest, posterior: Posterior) -> tuple[str, ...]:
    language = request.request.language
    is_foreign = language and not language.startswith("en")
    spoken = (f"Write in the language '{language}'.",) if is_foreign else ()
    return (*spoken, *prompt_card(posterior))


def seed_of(request: ClassifiedRequest) -> int:
    """The request's own seed, or one derived from its id: a repeat writes the same."""
    given = request.request.seed
    return given if given is not None else digest(f"{key_of(request)}/{request.request_id}") >> 1


def _refusal(request: ClassifiedRequest, row: UserRow) -> Failure | None:
    now = datetime.now(UTC)
    # An erasure by a clock that was ahead would refuse the user's requests until then.
    is_ahead = row.covers(now.timestamp() + CLOCK_TOLERANCE)
    if row.covers(request.received.timestamp()) and not is_ahead:
        return ERASED
    if request.failure is not None:
        return request.failure
    if not request.verdict.allowed:
        return Failure(
            code="declined", message=request.verdict.reason or "The request is declined for safety."
        )
    if request.deadline <= now:
        return expired(request.deadline)
    return None


def _row(
    request: ClassifiedRequest,
    arms: tuple[ArmTask, ...],
    lines: tuple[str, ...],
    failure: Failure | None = None,
) -> DecisionRow:
    return DecisionRow(
        request_id=request.request_id,
        user_id=request.user_id,
        tenant=request.tenant,
        deadline=request.deadline,
        genres=request.genres,
        language=request.language,
        context=request.request.context,
        embedding=request.embedding,
        reply=request.reply,
        seed=seed_of(request),
        arms=arms,
        lines=lines,
        failure=failure,
    )


def _arm(index: int, chosen: PlannedArm, request: ClassifiedRequest) -> ArmTask:
    arm, parts = chosen.arm, chosen.arm.blend or ()
    return ArmTask(
        index=index,
        genre=arm.genre,
        family=arm.family,
        adapter=arm.adapter,
        blend=tuple(BlendPart(adapter=adapter, weight=weight) for adapter, weight in parts),
        style=arm.style,
        probability=arm.probability,
        propensity=chosen.propensity,
        seed=digest(f"{seed_of(request)}/{index}") >> 1,
        reason=chosen.reason,
        salts=dict(arm.salts),
    )


def _task(request: ClassifiedRequest, decision: DecisionRow) -> GenerationTask:
    wanted = request.request
    return GenerationTask(
        request_id=request.request_id,
        user_id=request.user_id,
        tenant=request.tenant,
        prompt=wanted.prompt,
        lines=decision.lines,
        arms=decision.arms,
        max_tokens=wanted.max_tokens,
        temperature=wanted.temperature,
        top_p=wanted.top_p,
        stream=wanted.stream,
        deadline=request.deadline,
    )


def _failed(request: ClassifiedRequest, failure: Failure) -> CandidateSet:
    return CandidateSet(
        request_id=request.request_id,
        user_id=request.user_id,
        tenant=request.tenant,
        failure=failure,
    )


async def plan(classified: AsyncIterator[Delivery[ClassifiedRequest]], planner: Planner) -> Outputs:
    """Open every request once and send its arms to be written."""
    async for delivery in classified:
        with delivery:
            opened = planner.open(delivery)
            await planner.ledger.flush()
            planner.remember(delivery)
            if opened is not None:
                yield delivery.output(opened)
