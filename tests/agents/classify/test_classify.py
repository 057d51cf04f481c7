from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from agents.classify import classify as module
from agents.classify.classify import DEFAULT_DEADLINE, LONGEST_DEADLINE, accepted, classify
from agents.classify.quota import Quota
from agents.failures import OVER_QUOTA
from genre_models.sampling import USUAL
from genre_models.suggestions import SUGGESTION
from schemas.classified import ClassifiedRequest
from schemas.parts import GenreProbability, SamplingParameters
from schemas.requests import GenerationRequest
from streams.settings import Settings
from tests.agents.deliveries import NOW, delivered, events, stream

REQUEST = GenerationRequest(user_id="ada", prompt="a joke about dentists")
QUOTA = Quota(1000)
RECEIVED = datetime.fromtimestamp(NOW, UTC)


async def joke(received: ClassifiedRequest) -> ClassifiedRequest:
    return replace(received, genres=(GenreProbability(genre="joke", probability=1.0),))


async def broken(received: ClassifiedRequest) -> ClassifiedRequest:
    raise RuntimeError("a defect")


def fresh(request: GenerationRequest = REQUEST, **options: object):  # type: ignore[no-untyped-def]
    return delivered(request, time=datetime.now(UTC).timestamp(), **options)  # type: ignore[arg-type]


async def test_a_request_goes_out_judged_with_its_id_and_deadline() -> None:
    (known,) = await events(classify(stream([fresh()]), joke, ("replies.",), QUOTA))
    assert isinstance(known, ClassifiedRequest)
    assert known.genres[0].genre == "joke"
    assert known.request_id == known.request.request_id == "requests-0-0"


async def test_what_the_client_left_open_goes_out_in_numbers_and_as_left_open() -> None:
    quiet = fresh(replace(REQUEST, top_p=0.5))
    (known,) = await events(classify(stream([quiet]), joke, (), QUOTA))
    assert isinstance(known, ClassifiedRequest)
    assert known.asked == SamplingParameters(top_p=0.5)
    assert (known.request.max_tokens, known.request.temperature, known.request.top_p) == (
        USUAL.max_tokens,
        USUAL.temperature,
        0.5,
    )


async def test_late_requests_are_not_judged() -> None:
    late = fresh(replace(REQUEST, deadline=datetime.now(UTC) - timedelta(seconds=1)))
    (known,) = await events(classify(stream([late]), broken, (), QUOTA))
    assert isinstance(known, ClassifiedRequest)
    assert known.failure is not None
    assert known.failure.code == "expired"


async def test_beyond_its_users_quota_a_request_is_not_judged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    judged = []

    async def judge(received: ClassifiedRequest) -> ClassifiedRequest:
        judged.append(received.request_id)
        return await joke(received)

    long = replace(REQUEST, prompt="x" * 32 * 1024)
    asked = [fresh(long, offset=number) for number in range(120)]
    told = await events(classify(stream(asked), judge, (), Quota(Settings().prompt_bytes)))
    failures = [each.failure for each in told if isinstance(each, ClassifiedRequest)]
    assert 8 <= len(judged) == failures.count(None) <= 16
    assert failures[-1] == OVER_QUOTA


async def test_a_defect_is_the_dead_letter_of_its_own_request_alone() -> None:
    bad, good = fresh(), fresh(offset=1)

    async def once(received: ClassifiedRequest) -> ClassifiedRequest:
        return await (broken if received.request_id == "requests-0-0" else joke)(received)

    assert len(await events(classify(stream([bad, good]), once, (), QUOTA))) == 1
    assert isinstance(bad.failure, RuntimeError)
    assert good.finished
    assert good.failure is None


@pytest.mark.parametrize(
    ("wished", "header", "expected"),
    [
        (None, None, DEFAULT_DEADLINE),
        (timedelta(seconds=5), None, timedelta(seconds=5)),
        (timedelta(hours=5), None, LONGEST_DEADLINE),
        (timedelta(seconds=50), timedelta(seconds=7), timedelta(seconds=7)),
        (timedelta(seconds=7), timedelta(seconds=50), timedelta(seconds=7)),
    ],
)
def test_the_deadline_is_the_earlier_wish_within_bounds(
    wished: timedelta | None, header: timedelta | None, expected: timedelta
) -> None:
    request = replace(REQUEST, deadline=None if wished is None else RECEIVED + wished)
    headers = (
        () if header is None else (("ce_expirytime", (RECEIVED + header).isoformat().encode()),)
    )
    assert accepted(delivered(request, headers=headers), ()).deadline == RECEIVED + expected


@pytest.mark.parametrize(
    ("wished", "expected"),
    [
        ("1970-01-01T00:00:00Z", DEFAULT_DEADLINE),
        ("0001-01-01T00:00:00Z", DEFAULT_DEADLINE),
        ("0001-01-01T00:00:00+23:59", DEFAULT_DEADLINE),
        ("9999-12-31T23:59:59-23:59", LONGEST_DEADLINE),
        ("9999-12-31T23:59:59.999999Z", LONGEST_DEADLINE),
    ],
)
def test_a_deadline_that_is_none_counts_as_none(wished: str, expected: timedelta) -> None:
    request = replace(REQUEST, deadline=datetime.fromisoformat(wished))
    assert accepted(delivered(request), ()).deadline == RECEIVED + expected
    said = delivered(REQUEST, headers=(("ce_expirytime", wished.encode()),))
    assert accepted(said, ()).deadline == RECEIVED + expected


def test_a_reply_goes_only_where_it_is_allowed() -> None:
    headers = (("reply-to", b"replies.team"), ("correlation_id", b"7"))
    allowed = accepted(delivered(REQUEST, headers=headers), ("replies.",)).reply
    assert allowed is not None
    assert (allowed.topic, allowed.correlation_id) == ("replies.team", "7")
    assert accepted(delivered(REQUEST, headers=headers), ("answers.",)).reply is None


@pytest.mark.parametrize("ce_id", ["x" * 400, "..", " ", "a/b"])
def test_an_event_id_that_is_no_request_id_gives_way_to_the_coordinates(ce_id: str) -> None:
    delivery = replace(delivered(REQUEST, offset=7), id=ce_id)
    assert accepted(delivery, ()).request_id == "genre.requests-0-7-1795000000000"


def test_an_event_id_serves_as_request_id() -> None:
    assert accepted(replace(delivered(REQUEST), id="order-17"), ()).request_id == "order-17"


SUGGEST = GenerationRequest(user_id="ada", suggest=True, context={"topic": "tea", "locale": "en"})


async def test_a_suggestion_goes_out_with_its_topics_and_a_prompt_for_older_workers() -> None:
    (known,) = await events(classify(stream([fresh(SUGGEST)]), joke, (), QUOTA))
    assert isinstance(known, ClassifiedRequest)
    assert known.topics == ("tea",) and known.request.prompt == SUGGESTION
    assert not known.request.suggest and known.request.context == SUGGEST.context
    (asked,) = await events(classify(stream([fresh()]), joke, (), QUOTA))
    assert isinstance(asked, ClassifiedRequest) and asked.topics is None


async def test_suggestions_have_their_quota() -> None:
    quota = Quota(2 * len(SUGGESTION.encode() + b"tea"))
    found = await events(classify(stream([fresh(SUGGEST)] * 3), joke, (), quota))
    codes = [each.failure and each.failure.code for each in found]  # type: ignore[attr-defined]
    assert codes == [None, None, OVER_QUOTA.code]


class Gated:
    """Judges a request at once, or when its prompt is let go."""

    def __init__(self, *held: str) -> None:
        self.gates = {prompt: asyncio.Event() for prompt in held}
        self.under_way: list[str] = []

    async def __call__(self, received: ClassifiedRequest) -> ClassifiedRequest:
        prompt = received.request.prompt or ""
        self.under_way.append(prompt)
        if prompt in self.gates:
            await self.gates[prompt].wait()
        return await joke(received)


def of(user: str, prompt: str, offset: int):  # type: ignore[no-untyped-def]
    return fresh(GenerationRequest(user_id=user, prompt=prompt), offset=offset)


async def test_a_slow_request_delays_no_other_user_and_each_user_hears_in_order() -> None:
    judge = Gated("slow")
    asked = [
        of(user, prompt, offset)
        for offset, (user, prompt) in enumerate(
            [("ada", "slow"), ("bea", "1"), ("ada", "2"), ("cyd", "3"), ("ada", "4"), ("bea", "5")]
        )
    ]
    telling = asyncio.ensure_future(events(classify(stream(asked), judge, (), QUOTA)))
    await _settled()
    assert [each.finished for each in asked] == [False, True, False, True, False, True]
    judge.gates["slow"].set()
    told = [each.request.prompt for each in await telling]  # type: ignore[attr-defined]
    assert sorted(told[:3]) == ["1", "3", "5"] and told.index("1") < told.index("5")
    assert told[3:] == ["slow", "2", "4"]
    assert all(each.finished for each in asked)


async def _settled() -> None:
    """All that can go on without what is held has gone on."""
    for _ in range(50):
        await asyncio.sleep(0)


async def test_requests_are_judged_beside_each_other_but_not_without_bound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "IN_FLIGHT", 4)
    prompts = [f"p{number}" for number in range(9)]
    judge = Gated(*prompts)
    asked = [of(f"u{number}", prompt, number) for number, prompt in enumerate(prompts)]
    telling = asyncio.ensure_future(events(classify(stream(asked), judge, (), QUOTA)))
    await _settled()
    assert judge.under_way == prompts[:4]
    for gate in judge.gates.values():
        gate.set()
    assert len(await telling) == 9


async def test_what_is_given_up_is_not_finished() -> None:
    judge = Gated("slow")
    (slow, quick) = asked = [of("ada", "slow", 0), of("bea", "1", 1)]
    telling = asyncio.ensure_future(events(classify(stream(asked), judge, (), QUOTA)))
    await _settled()
    telling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await telling
    assert quick.finished and not slow.finished and slow.failure is None


async def test_quota_counts_in_the_order_of_arrival_before_anything_is_judged() -> None:
    judge = Gated("a" * 60)
    asked = [of("ada", letter * 60, number) for number, letter in enumerate("abc")]
    answers = events(classify(stream(asked), judge, (), Quota(130)))
    telling = asyncio.ensure_future(answers)
    await _settled()
    judge.gates["a" * 60].set()
    failures = [each.failure for each in await telling]  # type: ignore[attr-defined]
    assert failures == [None, None, OVER_QUOTA]
    assert len(judge.under_way) == 2
