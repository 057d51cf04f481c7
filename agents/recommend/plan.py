"""plan: a classified request comes in and stays open; arms to write its candidates go out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from agents.failures import OVER_QUOTA, TOO_MANY_OPEN, expired, failure_of
from agents.genres.registry import Registry
from agents.recommend.decision_row import DecisionRow
from agents.recommend.ledger import ERASED, Case, Ledger
from agents.recommend.liked import liked_requests
from agents.recommend.profiles import Profiles
from agents.tenants import Tenants
from genre_models.planner import PlannedArm, Wish, plan_arms, prompt_card
from genre_models.preferences.posterior import Posterior
from genre_models.preferences.row import UserRow
from genre_models.preferences.signals import digest
from genre_models.sampling import USUAL, asked_of, resolved
from genre_models.suggestions import LONGEST, SUGGESTION, Liked, suggested
from genre_models.written_languages import name, plain
from schemas.candidates import CandidateSet
from schemas.classified import ClassifiedRequest
from schemas.generations import ArmTask, GenerationTask
from schemas.keys import key_of
from schemas.parts import BlendPart, Failure, SamplingParameters
from streams.worker.delivery import Delivery, Outputs

REPEATED = Failure(
    code="repeated", message="The request was answered before; the same answer follows."
)
NOT_PLANNED = Failure(code="not_planned", message="The request has no plan.")
PLAN_FAILED = Failure(code="plan_failed", message="The request could not be planned.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Planner:
    """Opens requests in the ledger, chooses their arms; `exploration` False is the kill switch.

    With `opt_in`, what a user asked for is remembered only after their consent.
    """

    ledger: Ledger
    profiles: Profiles
    registry: Registry
    exploration: bool = True
    opt_in: bool = False
    tenants: Tenants = field(default_factory=Tenants)

    def open(self, delivery: Delivery[ClassifiedRequest]) -> GenerationTask | CandidateSet | None:
        """A request's task, or the failure that `rank` answers it with; None for one long done."""
        request, case = delivery.event, self.ledger.case(delivery)
        case.bury_again()
        decision = case.decision
        if decision is None:
            refusal = _turned_away(request, case)
            if refusal is not None:
                return replace(_failed(request, refusal), reply=request.reply)
            if case.is_applied:
                return None
            decision, failure = self._opened(request, case, chance_of(delivery, self.ledger))
            case.store(decision)
        else:
            failure = _refusal(request, case.row) if decision.is_open else REPEATED
            # Delivered again: a row that was saved before a kill may be missing in the changelog.
            case.store(decision.emptied(ERASED) if failure is ERASED else decision)
            if decision.is_open and _is_over_quota(request):
                # Read twice by classify, and let pass the first time: its task is under way.
                return None
        if failure is not None or not decision.arms:
            return _failed(request, failure or NOT_PLANNED)
        return _task(request, decision, self._sampling(request, decision.arms))

    def _sampling(
        self, request: ClassifiedRequest, arms: Sequence[ArmTask]
    ) -> list[SamplingParameters]:
        """How long each arm's text is, and how it is drawn."""
        genres = self.registry.taxonomy(request.tenant).genres
        # An older worker of classify has written its own numbers where nothing was asked.
        asked = request.asked or asked_of(request.request)
        known = [genres.get(arm.genre or "") for arm in arms]
        return [resolved(asked, genre.sampling if genre else USUAL) for genre in known]

    def remember(self, delivery: Delivery[ClassifiedRequest]) -> None:
        """Note that the request was opened, once its decision is safe; not one that was refused.

        The case is read again: others may have changed the row meanwhile.
        """
        case = self.ledger.case(delivery)
        if case.decision is not None:
            case.remember()

    def _opened(
        self, request: ClassifiedRequest, case: Case, chance: int
    ) -> tuple[DecisionRow, Failure | None]:
        row = case.row
        failure = _refusal(request, row)
        if failure is None:
            try:
                self.tenants.check(request.tenant)
                posterior = self.profiles.posterior(row, request.tenant)
                explore = self.exploration and not row.opted_out
                arms = self._arms(request, posterior, chance, explore=explore)
                may_learn = case.may_learn(self.opt_in)
                if request.topics is not None:
                    liked = liked_requests(case) if may_learn else ()
                    arms = self._suggested(request, arms, liked, chance, explore=explore)
                opened = _row(request, chance, arms, _lines(request, posterior))
                return replace(opened, prompt=_remembered(request) if may_learn else None), None
            except Exception as error:
                failure = failure_of(error, PLAN_FAILED, request.request_id)
        refused = _row(request, chance, (), (), failure)
        return refused.emptied(ERASED) if failure is ERASED else refused, failure

    def _arms(
        self, request: ClassifiedRequest, posterior: Posterior, chance: int, *, explore: bool
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
                suggests=request.topics is not None,
            ),
            genres,
            {genre: self.registry.writers(genre, tenant) for genre in genres},
            posterior,
            wanted.candidates,
            # not the ranker's own draws: the arms must say nothing of the policy that orders them
            digest(f"{chance}/arms") >> 1,
            explore=explore,
        )
        return tuple(_arm(index, each, request) for index, each in enumerate(chosen))

    def _suggested(
        self,
        request: ClassifiedRequest,
        arms: tuple[ArmTask, ...],
        liked: Sequence[Liked],
        chance: int,
        *,
        explore: bool,
    ) -> tuple[ArmTask, ...]:
        """The arms, each with what is asked of it. Topics say nothing of arms, order or policy."""
        genres = self.registry.taxonomy(request.tenant).genres
        chosen = [genres[arm.genre] for arm in arms if arm.genre is not None]
        asked = suggested(chosen, liked, request.topics or (), digest(f"{chance}/topics"), explore)
        return tuple(
            replace(arm, prompt=each.prompt, reason=f"{arm.reason}; {each.why}")
            for arm, each in zip(arms, asked, strict=True)
        )


def _remembered(request: ClassifiedRequest) -> str | None:
    """The request in its own words, where it can be suggested from."""
    prompt = request.request.prompt
    is_fit = request.topics is None and prompt is not None and len(prompt) <= LONGEST
    return prompt if is_fit else None


def _lines(request: ClassifiedRequest, posterior: Posterior) -> tuple[str, ...]:
    is_certain = request.language_confidence == 1.0
    language = request.request.language or (request.language if is_certain else None)
    is_foreign = language is not None and plain(language) != "en"
    spoken = (f"Write in {name(language or '')}.",) if is_foreign else ()
    return (*spoken, *prompt_card(posterior))


def chance_of(delivery: Delivery[ClassifiedRequest], ledger: Ledger) -> int:
    """The seed of what is left to chance: arms, policy, order.

    From where the record stands, which no client chooses (request ids they do) and a record that is
    delivered again repeats.
    """
    source = delivery.source
    return digest(f"{ledger.incarnation}/{source.topic}/{source.partition}/{source.offset}") >> 1


def _is_over_quota(request: ClassifiedRequest) -> bool:
    return request.failure is not None and request.failure.code == OVER_QUOTA.code


def asking_of(request: ClassifiedRequest, refusal: Failure) -> str:
    """What a refusal is the answer to: a client who asks later, with the same id, asks anew."""
    return f"{request.request_id}/{request.received.isoformat()}/{refusal.code}"


def seed_of(request: ClassifiedRequest) -> int:
    """The seed of the texts: the request's own, or one derived from its id."""
    given = request.request.seed
    return given if given is not None else digest(f"{key_of(request)}/{request.request_id}") >> 1


def _refusal(request: ClassifiedRequest, row: UserRow) -> Failure | None:
    if row.covers(request.received.timestamp()):
        return ERASED
    if request.failure is not None:
        return request.failure
    if not request.verdict.allowed:
        return Failure(
            code="declined", message=request.verdict.reason or "The request is declined for safety."
        )
    if request.deadline <= datetime.now(UTC):
        return expired(request.deadline)
    return None


def _row(
    request: ClassifiedRequest,
    chance: int,
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
        seed=chance,
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


def _task(
    request: ClassifiedRequest, decision: DecisionRow, sampling: Sequence[SamplingParameters]
) -> GenerationTask:
    wanted, usual = request.request, resolved(asked_of(request.request), USUAL)
    assert usual.max_tokens and usual.temperature is not None and usual.top_p
    return GenerationTask(
        request_id=request.request_id,
        user_id=request.user_id,
        tenant=request.tenant,
        prompt=wanted.prompt or SUGGESTION,
        lines=decision.lines,
        arms=tuple(
            replace(arm, sampling=its) for arm, its in zip(decision.arms, sampling, strict=True)
        ),
        max_tokens=usual.max_tokens,
        temperature=usual.temperature,
        top_p=usual.top_p,
        stream=wanted.stream,
        repeatable=wanted.seed is not None,
        embedding=request.embedding,
        deadline=request.deadline,
    )


def _failed(request: ClassifiedRequest, failure: Failure) -> CandidateSet:
    return CandidateSet(
        request_id=request.request_id,
        user_id=request.user_id,
        tenant=request.tenant,
        failure=failure,
    )


def _turned_away(request: ClassifiedRequest, case: Case) -> Failure | None:
    """Why the request takes no room in the ledger, if so: for ever the same of one asking."""
    for refusal in (OVER_QUOTA, TOO_MANY_OPEN):
        if case.was_refused(asking_of(request, refusal)):
            return refusal
    if case.is_applied:
        return None
    if _is_over_quota(request):
        refusal = OVER_QUOTA
    elif not case.make_room():
        refusal = TOO_MANY_OPEN
    else:
        return None
    case.refuse(asking_of(request, refusal))
    return refusal


async def plan(classified: AsyncIterator[Delivery[ClassifiedRequest]], planner: Planner) -> Outputs:
    """Open every request once and send its arms to be written."""
    async for delivery in classified:
        with delivery:
            opened = planner.open(delivery)
            await planner.ledger.flush()
            planner.remember(delivery)
            if opened is not None:
                yield delivery.output(opened)
