"""The inbox: acknowledgements in order whatever finishes first, garbage buried, misplaced records
put right once."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from aiokafka.partitioner import murmur2
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.errors import NotReady, Rejected
from schemas.progress import Progress
from schemas.recommendations import Recommendation
from schemas.requests import Cancel, GenerationRequest
from streams.wire.codecs import encode
from streams.wire.dead_letters import reasons
from streams.wire.headers import REKEYED
from streams.wire.roles import Role
from streams.wire.source import Source
from streams.wire.topics import BY_NAME
from streams.worker import inbox as inboxes
from streams.worker.attempts import MOST, Attempts
from streams.worker.delivery import Delivery, Output, Outputs
from streams.worker.inbox import Inbox
from streams.worker.outbox import Outbox
from tests.streams.worker.fakes import Consumer, Message, Producer, Replies, Stream

PARTITIONS = 4
NOTHING: tuple[Output, ...] = ()


def home(key: bytes) -> int:
    return (murmur2(key) & 0x7FFFFFFF) % PARTITIONS


def request(
    offset: int, user: str = "ada", partition: int | None = None, **changes: Any
) -> Message:
    event = GenerationRequest(user_id=user, prompt="p", request_id=f"r{offset}")
    known: dict[str, Any] = {
        "topic": "genre.requests",
        "partition": home(user.encode()) if partition is None else partition,
        "offset": offset,
        "key": user.encode(),
        "value": encode(event),
    }
    return Message(**(known | changes))


def cancel(partition: int, offset: int) -> Message:
    event = Cancel(request_id=f"r{offset}", user_id="ada")
    return Message("genre.cancellations", partition, offset, b"r", encode(event))


class Bench:
    """An inbox with everything around it that it touches."""

    def __init__(self, messages: list[Message], topic: str = "requests", **options: Any) -> None:
        self.consumer = Consumer()
        self.producer = Producer()
        self.outbox = Outbox(
            self.producer,
            role=Role(name="test", agents=()),
            writes=tuple(BY_NAME),
            prefix="genre.",
            replies=Replies(),
        )
        self.stream = Stream(messages, self.consumer)
        self.inbox: Inbox[Any] = Inbox(
            BY_NAME[topic],
            self.outbox,
            group="genre.test",
            partitions=PARTITIONS,
            consumer=lambda: self.consumer,
            **options,
        )

    async def run(self, agent: Callable[[AsyncIterator[Delivery[Any]]], Outputs]) -> None:
        """Run until the stream is empty and everything that can be acknowledged is."""
        await self.inbox.run(self.stream, _lingering(agent))

    def letters(self) -> list[dict[str, str]]:
        """Reasons of the dead letters."""
        return [reasons(sent.headers) for sent in self.producer.sent if sent.topic.endswith(".dlq")]


def _lingering(agent: Callable[[AsyncIterator[Delivery[Any]]], Outputs]) -> Callable[..., Outputs]:
    # A real stream never ends; this one gives the acknowledging task time to finish.
    async def lingering(deliveries: AsyncIterator[Delivery[Any]]) -> Outputs:
        async for output in agent(deliveries):
            yield output
        for _ in range(50):
            await asyncio.sleep(0)

    return lingering


async def answer(deliveries: AsyncIterator[Delivery[GenerationRequest]]) -> Outputs:
    async for delivery in deliveries:
        with delivery as event:
            yield delivery.output(
                Recommendation(
                    request_id=event.request_id or "", user_id=event.user_id, status="expired"
                )
            )


async def test_an_event_is_not_acknowledged_before_its_pieces_are() -> None:
    class Silent(Producer):
        async def send(self, *record: Any) -> asyncio.Future[Any]:
            await super().send(*record)
            return report

    async def agent(deliveries: AsyncIterator[Delivery[Cancel]]) -> Outputs:
        async for delivery in deliveries:
            with delivery as event:
                yield delivery.output(
                    Progress(
                        kind="piece",
                        request_id=event.request_id,
                        user_id="ada",
                        index=0,
                        sequence=0,
                        text="a",
                    )
                )

    bench, report = (
        Bench([cancel(0, 0)], "cancellations"),
        asyncio.get_running_loop().create_future(),
    )
    bench.outbox._producer = Silent()
    await bench.run(agent)
    assert bench.consumer.acknowledged == []

    bench = Bench([cancel(0, 0)], "cancellations")
    await bench.run(agent)
    assert bench.consumer.acknowledged == [(0, 0)]


@settings(max_examples=60, deadline=None)
@given(data=st.data(), partitions=st.lists(st.integers(0, 2), min_size=1, max_size=12))
def test_acknowledgements_never_pass_an_unfinished_event(
    data: st.DataObject, partitions: list[int]
) -> None:
    offsets: dict[int, int] = {}
    messages = []
    for partition in partitions:
        offsets[partition] = offsets.get(partition, -1) + 1
        messages.append(cancel(partition, offsets[partition]))
    order = data.draw(st.permutations(range(len(messages))))
    finishing = order[: data.draw(st.integers(0, len(order)))]
    bench = Bench(messages, "cancellations")
    finished: set[tuple[int, int]] = set()

    async def agent(deliveries: AsyncIterator[Delivery[Cancel]]) -> Outputs:
        received = [delivery async for delivery in deliveries]
        for number in finishing:
            with received[number]:
                source = received[number].source
                finished.add((source.partition, source.offset))
            for _ in range(data.draw(st.integers(0, 3))):
                await asyncio.sleep(0)
            assert set(bench.consumer.acknowledged) <= finished
        for output in NOTHING:
            yield output

    asyncio.run(bench.run(agent))
    for partition, last in offsets.items():
        acknowledged = [offset for at, offset in bench.consumer.acknowledged if at == partition]
        done = [(partition, offset) in finished for offset in range(last + 1)]
        first_unfinished = done.index(False) if False in done else last + 1
        assert acknowledged == list(range(first_unfinished))


async def test_an_output_is_acknowledged_by_the_broker_before_its_input_is() -> None:
    bench = Bench([request(0)])
    seen: list[int] = []
    acknowledge = Message.ack

    def watched(message: Message, consumer: Consumer) -> None:
        seen.append(bench.producer.reported)
        acknowledge(message, consumer)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Message, "ack", watched)
        await bench.run(answer)
    assert bench.consumer.acknowledged == [(home(b"ada"), 0)]
    assert seen[-1] == 1


async def test_an_undecodable_record_is_buried_then_acknowledged_and_the_next_is_processed() -> (
    None
):
    bench = Bench([request(0, value=b"\xff"), request(1, value=b""), request(2)])
    await bench.run(answer)
    assert [letter["code"] for letter in bench.letters()] == ["not_utf8", "empty"]
    assert [sent.value for sent in bench.producer.sent if sent.topic == "genre.requests.dlq"] == [
        b"\xff",
        b"",
    ]
    assert [offset for _, offset in bench.consumer.acknowledged] == [0, 1, 2]
    answers = [sent for sent in bench.producer.sent if sent.topic == "genre.recommendations"]
    assert [sent.event(Recommendation).request_id for sent in answers] == ["r2"]


async def test_what_the_agent_fails_on_is_buried_with_its_code() -> None:
    async def refusing(deliveries: AsyncIterator[Delivery[GenerationRequest]]) -> Outputs:
        async for delivery in deliveries:
            with delivery:
                if delivery.source.offset == 0:
                    raise Rejected("unknown_genre", "Expected a genre, got another.")
                raise ZeroDivisionError("the secret words of a user")
        for output in NOTHING:
            yield output

    bench = Bench([request(0), request(1)])
    await bench.run(refusing)
    assert [letter["code"] for letter in bench.letters()] == ["unknown_genre", "internal_error"]
    assert "secret" not in str(bench.letters())
    assert [offset for _, offset in bench.consumer.acknowledged] == [0, 1]


@pytest.mark.parametrize("key", [None, b"", b"bob", b"\xff\xfe"])
async def test_a_record_with_another_key_is_published_again_once(key: bytes | None) -> None:
    wrong = request(
        7, partition=(home(b"ada") + 1) % PARTITIONS, key=key, headers=[("traceparent", b"00-1")]
    )
    bench = Bench([wrong])
    await bench.run(answer)
    (again,) = bench.producer.sent
    assert (again.topic, again.key, again.value) == ("genre.requests", b"ada", wrong.value)
    derived = f"genre.requests-{wrong.partition}-7-1772600000000"
    assert dict(again.headers)["ce_id"] == derived.encode()
    assert dict(again.headers)["traceparent"] == b"00-1"
    assert REKEYED in dict(again.headers)
    assert bench.consumer.acknowledged == [(wrong.partition, 7)]

    right = request(8, headers=list(again.headers))
    bench = Bench([right])
    await bench.run(answer)
    assert [sent.topic for sent in bench.producer.sent] == ["genre.recommendations"]


AWAY = (home(b"ada") + 1) % PARTITIONS
DAY = 86_400


@pytest.mark.parametrize(
    "said", [b"genre.requests[0]@1", b"genre.requests[0]@10000000", b"nonsense", b"\xff", b""]
)
@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"partition": AWAY}, "misplaced"),
        ({"key": b"bob"}, "misplaced"),
        ({"timestamp": time.time() + DAY}, "misdated"),
        ({"timestamp": 0.0}, "misdated"),
    ],
)
async def test_a_record_that_says_it_was_put_right_and_lies_wrong_is_a_dead_letter(
    said: bytes, wrong: dict[str, Any], code: str
) -> None:
    # A topic whose partitions do not match would otherwise circulate its records for ever, and a
    # client's own header would move a mark of its user to the offset of another partition.
    bench = Bench([request(7, headers=[(REKEYED, said)], **wrong)])
    await bench.run(answer)
    assert [sent.topic for sent in bench.producer.sent] == ["genre.requests.dlq"]
    assert [letter["code"] for letter in bench.letters()] == [code]
    assert len(bench.consumer.acknowledged) == 1


@pytest.mark.parametrize("said", [b"genre.requests[0]@10000000", b"nonsense"])
async def test_a_record_that_lies_right_is_handled_whatever_it_says(said: bytes) -> None:
    bench = Bench([request(7, headers=[(REKEYED, said)])])
    await bench.run(answer)
    assert [sent.topic for sent in bench.producer.sent] == ["genre.recommendations"]


@pytest.mark.parametrize("timestamp", [None, 0.0, -0.001, 1_772_600.0, 5e15, time.time() + DAY])
async def test_a_record_whose_time_cannot_be_true_is_published_again_as_of_now(
    timestamp: float | None,
) -> None:
    before = time.time()
    bench = Bench([request(7, timestamp=timestamp, headers=[("ce_id", b"mine")])])
    await bench.run(answer)
    (again,) = bench.producer.sent
    assert (again.topic, again.key) == ("genre.requests", b"ada")
    assert again.timestamp is not None and before <= again.timestamp <= time.time()
    assert dict(again.headers)["ce_id"] == b"mine"
    assert dict(again.headers)[REKEYED] == f"genre.requests[{home(b'ada')}]@7".encode()
    assert len(bench.consumer.acknowledged) == 1

    bench = Bench([request(8, timestamp=again.timestamp, headers=list(again.headers))])
    await bench.run(answer)
    assert [sent.topic for sent in bench.producer.sent] == ["genre.recommendations"]


@pytest.mark.parametrize(
    "believed",
    [
        {"timestamp": time.time() + 30},
        {"timestamp": time.time() - 300 * DAY},
        {"timestamp": time.time() + DAY, "timestamp_type": 1},
        {"timestamp": 0.0, "timestamp_type": 1},
    ],
)
async def test_a_broker_is_believed_and_so_is_a_clock_that_is_a_little_ahead(
    believed: dict[str, Any],
) -> None:
    bench = Bench([request(7, **believed)])
    await bench.run(answer)
    assert [sent.topic for sent in bench.producer.sent] == ["genre.recommendations"]


async def test_what_is_published_again_takes_no_endless_trace_along() -> None:
    bench = Bench([request(7, key=b"bob", headers=[("tracestate", b"k" * 4_000_000), ("a", b"b")])])
    await bench.run(answer)
    assert [name for name, _ in bench.producer.sent[0].headers] == ["a", "ce_id", REKEYED]


@pytest.mark.parametrize("wrong", [{"key": b"bob"}, {"timestamp": 0.0}])
@pytest.mark.parametrize("late", [False, True])
async def test_a_record_that_is_too_large_to_be_published_again_is_a_dead_letter(
    wrong: dict[str, Any], late: bool
) -> None:
    bench = Bench([request(7, **wrong), request(8)])
    bench.producer.largest = {"genre.requests": 10}
    bench.producer.tells_late = late
    await bench.run(answer)
    assert [letter["code"] for letter in bench.letters()] == ["too_large"]
    assert [offset for _, offset in bench.consumer.acknowledged] in ([7, 8], [8, 7])


@pytest.mark.parametrize("late", [False, True])
async def test_an_output_that_is_too_large_is_the_failure_of_its_delivery(late: bool) -> None:
    bench = Bench([request(7, value=encode(GenerationRequest(user_id="ada", prompt="p",
                                                             request_id="r" * 200))),
                   request(8)])  # fmt: skip
    bench.producer.largest = {"genre.recommendations": 700}
    bench.producer.tells_late = late
    await bench.run(answer)
    assert [letter["code"] for letter in bench.letters()] == ["output_too_large"]
    answers = [sent for sent in bench.producer.sent if sent.topic == "genre.recommendations"]
    assert [sent.event(Recommendation).request_id for sent in answers] == ["r8"]
    assert [offset for _, offset in bench.consumer.acknowledged] == [7, 8]


async def test_a_letter_that_is_too_large_keeps_its_reasons_alone() -> None:
    bench = Bench([request(7, value=b"{" * 5000), request(8)])
    bench.producer.largest = {"genre.requests.dlq": 3000}
    await bench.run(answer)
    (letter,) = [sent for sent in bench.producer.sent if sent.topic.endswith(".dlq")]
    assert letter.value is None and letter.key == b"ada"
    why = reasons(letter.headers)
    assert (why["code"], why["sha256"]) == ("not_json", sha256(b"{" * 5000).hexdigest())
    assert [offset for _, offset in bench.consumer.acknowledged] == [7, 8]


async def test_the_id_of_a_client_is_kept() -> None:
    wrong = request(7, key=b"bob", headers=[("ce_id", b"mine")])
    bench = Bench([wrong])
    await bench.run(answer)
    assert [content for name, content in bench.producer.sent[0].headers if name == "ce_id"] == [
        b"mine"
    ]


async def test_a_missing_id_is_derived_from_where_the_record_stands() -> None:
    ids = []

    async def noting(deliveries: AsyncIterator[Delivery[GenerationRequest]]) -> Outputs:
        async for delivery in deliveries:
            with delivery:
                ids.append(delivery.id)
        for output in NOTHING:
            yield output

    await Bench([request(3), request(4, headers=[("ce_id", b"mine")])]).run(noting)
    assert ids == [f"genre.requests-{home(b'ada')}-3-1772600000000", "mine"]


async def test_a_cancelled_agent_acknowledges_nothing_more() -> None:
    bench = Bench([request(0), request(1)])
    reached = asyncio.Event()

    async def stuck(deliveries: AsyncIterator[Delivery[GenerationRequest]]) -> Outputs:
        async for delivery in deliveries:
            with delivery:
                reached.set()
                await asyncio.sleep(60)
        for output in NOTHING:
            yield output

    running = asyncio.create_task(bench.run(stuck))
    await reached.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert bench.consumer.acknowledged == []


async def test_an_abandoned_agent_acknowledges_nothing_and_its_inbox_ends() -> None:
    bench = Bench([request(0), request(1), request(2)])
    reached, closed = asyncio.Event(), asyncio.Event()

    async def stuck(deliveries: AsyncIterator[Delivery[GenerationRequest]]) -> Outputs:
        try:
            async for delivery in deliveries:
                with delivery:
                    if delivery.source.offset == 1:
                        reached.set()
                        await asyncio.sleep(60)
                        yield delivery.output(None)
        finally:
            closed.set()

    running = asyncio.create_task(bench.inbox.run(bench.stream, stuck))
    await reached.wait()
    await bench.inbox.abandon()
    assert closed.is_set() and bench.inbox.in_flight == 0
    await asyncio.wait_for(running, 5)
    assert not [offset for _, offset in bench.consumer.acknowledged if offset > 0]


FAILING = """
import asyncio
from tests.streams.worker.fakes import Producer
from tests.streams.worker import test_inbox as bed

async def escaping(deliveries):
    async for delivery in deliveries:
        raise ValueError("outside of the delivery's block")
        yield

async def main():
    bench = bed.Bench([bed.request(0, **{changes!r})])
    bench.producer.__init__(refuse=ConnectionError("the broker is gone") if {refuse} else None)
    acknowledge = bed.Message.ack
    def told(message, consumer):
        acknowledge(message, consumer)
        print("committed" if message.references == 0 else "held", flush=True)
    bed.Message.ack = told
    await bench.run({agent})
    print("went on", flush=True)

asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("changes", "refuse", "agent"),
    [
        pytest.param({}, True, "bed.answer", id="an output cannot be published"),
        pytest.param(
            {"value": b"garbage"}, True, "bed.answer", id="a dead letter cannot be published"
        ),
        pytest.param(
            {"key": b"bob"}, True, "bed.answer", id="a misplaced record cannot be published again"
        ),
        pytest.param({}, False, "escaping", id="an exception leaves the agent"),
    ],
)
def test_what_cannot_be_published_ends_the_process_uncommitted(
    changes: dict[str, Any], refuse: bool, agent: str
) -> None:
    program = FAILING.format(changes=changes, refuse=refuse, agent=agent)
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == 70, ended.stderr
    assert "committed" not in ended.stdout and "went on" not in ended.stdout
    assert "nothing was committed past the failure" in ended.stderr


async def test_nothing_is_acknowledged_before_the_tables_are_flushed() -> None:
    never = asyncio.Event()

    async def stuck() -> None:
        await never.wait()

    held = Bench([cancel(0, 0)], "cancellations", flush=stuck)
    flowing = Bench([cancel(0, 0)], "cancellations")

    async def finish(deliveries: AsyncIterator[Delivery[Cancel]]) -> Outputs:
        async for delivery in deliveries:
            with delivery as event:
                if event.request_id == "never":
                    yield delivery.output(event)

    await held.run(finish)
    await flowing.run(finish)
    assert not held.consumer.acknowledged
    assert flowing.consumer.acknowledged


async def test_an_event_that_was_in_hand_at_every_death_is_parked() -> None:
    attempts, given = Attempts(), list[str]()
    messages = [request(0), request(1)]
    for _ in range(MOST):
        await attempts.begin(Source.of(messages[0], timestamp=1.0))

    async def agent(deliveries: AsyncIterator[Delivery[GenerationRequest]]) -> Outputs:
        async for delivery in deliveries:
            with delivery as event:
                given.append(str(event.request_id))
        for output in NOTHING:
            yield output

    letters = Counter[str]()
    bench = Bench(messages, attempts=attempts, letters=letters)
    await bench.run(agent)
    (letter,) = bench.letters()
    assert (letter["code"], letter["attempts"], letter["offset"]) == ("poison", "3", "0")
    assert given == ["r1"] and letters == {"poison": 1}
    assert [offset for _, offset in bench.consumer.acknowledged] == [0, 1]
    assert attempts.earlier(Source.of(messages[0], timestamp=1.0)) == 0


@pytest.mark.parametrize(
    ("refused", "deaths"), [(False, 1), (True, 0)], ids=["the agent fails", "the broker refuses"]
)
async def test_only_an_end_that_may_be_its_fault_counts_against_an_event(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, refused: bool, deaths: int
) -> None:
    class Ended(BaseException):
        """In the place of the end of the process: nothing runs after it."""

    def end(reason: str, error: Exception, *, blamed: bool) -> None:
        if not blamed:
            attempts.forgive()
        found.append(Attempts(tmp_path / "attempts").earlier(Source.of(request(0), timestamp=1.0)))
        raise Ended

    async def agent(deliveries: AsyncIterator[Delivery[GenerationRequest]]) -> Outputs:
        async for delivery in deliveries:
            if not refused:
                raise ZeroDivisionError
            yield delivery.output(Cancel(request_id="r", user_id="ada"))

    monkeypatch.setattr(inboxes, "give_up", end)
    found, attempts = list[int](), Attempts(tmp_path / "attempts")
    bench = Bench([request(0)], attempts=attempts)
    bench.outbox._producer = Producer(refuse=ConnectionError("away"))
    with pytest.raises(Ended):
        await bench.inbox.run(bench.stream, agent)
    assert found[0] == deaths


async def test_what_an_inbox_does_is_stirring_and_its_oldest_event_its_head() -> None:
    seen = []

    async def agent(deliveries: AsyncIterator[Delivery[GenerationRequest]]) -> Outputs:
        async for delivery in deliveries:
            seen.append((bench.inbox.stirring, bench.inbox.heads))
            with delivery:
                yield delivery.output(Cancel(request_id="r", user_id="ada"))
            seen.append((bench.inbox.stirring, bench.inbox.heads))

    bench = Bench([request(5), request(6)])
    await bench.run(agent)
    assert len({stirring for stirring, _ in seen}) == len(seen)
    assert seen[0][1] == {home(b"ada"): 5}
    assert bench.inbox.heads == {} and bench.inbox.processed == {home(b"ada"): 7}


@pytest.mark.parametrize(
    ("failures", "letters"), [(1, []), (3, []), (4, [("storage", "4", "true")])]
)
async def test_what_may_succeed_later_is_tried_again(
    monkeypatch: pytest.MonkeyPatch, failures: int, letters: list[tuple[str, str, str]]
) -> None:
    monkeypatch.setattr(inboxes, "PAUSES", (0.0, 0.0, 0.0))
    tried: list[str] = []

    async def agent(deliveries: AsyncIterator[Delivery[GenerationRequest]]) -> Outputs:
        async for delivery in deliveries:
            with delivery as event:
                tried.append(str(event.request_id))
                if event.request_id == "r0" and len(tried) <= failures:
                    raise NotReady("storage", "no space left on device")
                yield delivery.output(Cancel(request_id=str(event.request_id), user_id="ada"))

    bench = Bench([request(0), request(1)])
    await bench.run(agent)
    assert tried == ["r0"] * min(failures + 1, 4) + ["r1"]
    assert [(why["code"], why["attempts"], why["retryable"]) for why in bench.letters()] == letters
    assert [offset for _, offset in bench.consumer.acknowledged] == [0, 1]


async def test_what_fails_beside_others_is_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inboxes, "PAUSES", (0.0,))

    async def agent(deliveries: AsyncIterator[Delivery[GenerationRequest]]) -> Outputs:
        held = [delivery async for delivery in deliveries]
        for delivery in held:
            with delivery:
                raise OSError
        for output in NOTHING:
            yield output

    bench = Bench([request(0), request(1)])
    await bench.run(agent)
    assert [why["attempts"] for why in bench.letters()] == ["1", "1"]
    assert [offset for _, offset in bench.consumer.acknowledged] == [0, 1]


@pytest.mark.parametrize("vouches", [True, False])
async def test_of_several_readers_one_writes_the_letter_or_the_copy(vouches: bool) -> None:
    tombstone = request(0, value=None)
    misplaced = request(1, partition=(home(b"ada") + 1) % PARTITIONS)
    bench = Bench([tombstone, misplaced, request(2)], vouches=vouches)
    await bench.run(answer)
    wrong = ["genre.requests", "genre.requests.dlq"] if vouches else []
    assert sorted(sent.topic for sent in bench.producer.sent) == ["genre.recommendations", *wrong]
    assert len(bench.consumer.acknowledged) == 3


async def test_an_inbox_that_ends_with_nothing_in_hand_forgives_no_other(tmp_path: Path) -> None:
    attempts = Attempts(tmp_path / "attempts")
    others = Source.of(request(7), timestamp=1.0)
    await attempts.begin(replace(others, topic="genre.feedback"))
    await Bench([request(0)], attempts=attempts).run(answer)
    again = Attempts(tmp_path / "attempts")
    assert again.earlier(replace(others, topic="genre.feedback")) == 1
