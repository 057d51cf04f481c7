"""What must move is named with its limit; what only waits, or is slow by right, is not."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from streams.clients.pulse import Fetched
from streams.settings import Settings
from streams.worker import vitals as worker_vitals
from streams.worker.vitals import Vitals
from streams.worker.watchdog import Due, Watchdog

LIMIT = 10.0
READ = Fetched(answered=1, position=5, end=5, buffered=False)


@dataclass
class Inbox:
    """What is looked at of an inbox: nothing is in hand, five events were processed."""

    in_flight: int = 0
    stirring: object = 0
    slowest: float = 0.0
    processed: dict[int, int] = field(default_factory=lambda: {0: 5})
    heads: dict[int, int] = field(default_factory=dict)


class Worker:
    """What is looked at of an app that reads genre.requests[0]: it is well, and idle."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ready, self.rebalancing = True, False
        self.fetched = {("genre.requests", 0): READ}
        self.error: Exception | None = None
        self.coordinated = True
        self.followers: list[Any] = []
        self.genre_settings = Settings()
        self.conf = SimpleNamespace(broker_rebalance_timeout=30.0)
        # Faust does not know an offset yet.
        offsets: dict[str, int | None] = {"changelog": None}
        recovery = SimpleNamespace(active_offsets=offsets, in_recovery=False)
        self.tables = SimpleNamespace(recovery=recovery)
        self.inbox = Inbox()
        self.inboxes = {"requests": self.inbox}
        self.offset: int | None = 5
        self.consumer = SimpleNamespace(reader=object(), committed=lambda *place: self.offset)
        self.queue = 0
        channel = SimpleNamespace(
            queue=SimpleNamespace(qsize=lambda: self.queue),
            get_topic_name=lambda: "genre.requests",
        )
        self.topics = [channel]
        monkeypatch.setattr(worker_vitals, "fetches", lambda consumer: self.fetched)
        monkeypatch.setattr(worker_vitals, "fatal", lambda consumer: self.error)
        monkeypatch.setattr(
            worker_vitals, "knows_its_coordinator", lambda consumer: self.coordinated
        )
        self.vitals = Vitals(self, limit=LIMIT)

    def dues(self) -> dict[str, Due]:
        """What is due, by what is said when it stands."""
        return {due.stands: due for due in self.vitals.look()}


@pytest.fixture(name="worker")
def _worker(monkeypatch: pytest.MonkeyPatch) -> Worker:
    return Worker(monkeypatch)


HEARD = "nothing is heard of genre.requests[0]"


def test_an_idle_worker_must_hear_of_its_partitions_alone(worker: Worker) -> None:
    assert set(worker.dues()) == {HEARD}
    assert worker.dues()[HEARD].limit == LIMIT and worker.dues()[HEARD].notice <= 6.0


def test_a_worker_that_is_ready_is_doing_nothing_else(worker: Worker) -> None:
    assert worker.vitals.doing is None
    worker.ready = False
    assert worker.vitals.doing == "starting"


def test_changelogs_need_not_be_heard_of(worker: Worker) -> None:
    worker.fetched[("genre.recommend-decisions-changelog", 0)] = READ
    assert set(worker.dues()) == {HEARD}


def test_a_worker_that_has_enough_need_not_fetch_but_must_stir(worker: Worker) -> None:
    full = Fetched(answered=1, position=5, end=99, buffered=True)
    worker.fetched = {("genre.requests", 0): full}
    worker.inbox.in_flight, worker.inbox.heads = 3, {0: 2}
    before = worker.dues()
    worker.inbox.stirring = 1
    after = worker.dues()
    assert before[HEARD].value != after[HEARD].value
    busy = "nothing of requests is processed"
    assert before[busy].value != after[busy].value


def test_events_that_nobody_takes_are_due(worker: Worker) -> None:
    worker.queue = 1
    assert "nothing of requests is processed" in worker.dues()


def test_the_oldest_event_may_take_what_its_agent_says(worker: Worker) -> None:
    worker.inbox.in_flight, worker.inbox.heads, worker.inbox.slowest = 1, {0: 7}, 600.0
    assert worker.dues()["requests[0]@7 is not finished"].limit == 600.0 + LIMIT


def test_what_was_processed_must_be_committed(worker: Worker) -> None:
    worker.offset = 4
    assert worker.dues()["nothing of genre.requests[0] is committed"].value == 4
    worker.offset = None
    assert "nothing of genre.requests[0] is committed" in worker.dues()


def test_a_worker_that_is_not_ready_must_recover_or_join_in_time(worker: Worker) -> None:
    worker.ready, worker.rebalancing = False, True
    due = worker.dues()["this worker has been rebalancing"]
    assert due.limit == 30.0 + LIMIT and worker.vitals.doing == "rebalancing"
    worker.rebalancing, worker.tables.recovery.in_recovery = False, True
    worker.tables.recovery.active_offsets["changelog"] = 100
    assert worker.dues()["this worker has been recovering"].value != due.value


def test_a_follower_must_hear_of_its_topic(worker: Worker) -> None:
    worker.followers = [SimpleNamespace(consumer=None), SimpleNamespace(consumer=object())]
    worker.fetched = {("genre.adapters", 0): READ}
    assert set(worker.dues()) == {"nothing is heard of genre.adapters[0]"}


def test_a_group_without_a_coordinator_is_due(worker: Worker) -> None:
    worker.coordinated = False
    assert "the group has no coordinator" in worker.dues()


def test_an_error_that_aiokafka_keeps_ends_the_worker(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(worker_vitals, "give_up", lambda reason, error: told.append(reason))
    worker.error = PermissionError("genre.train")
    worker.dues()
    assert told == ["the consumer cannot go on: PermissionError: genre.train"]


def test_a_page_says_what_is_left_and_for_how_long_nothing_has_changed(worker: Worker) -> None:
    watchdog = Watchdog(worker.vitals.look, limit=LIMIT)
    worker.vitals.partitions(watchdog.age)
    watchdog.pass_time(2.0)
    worker.fetched = {("genre.requests", 0): Fetched(answered=2, position=9, end=12, buffered=True)}
    (row,) = worker.vitals.partitions(watchdog.age).values()
    assert row == {
        "fetched": 9,
        "processed": 5,
        "committed": 5,
        "end": 12,
        "lag": 7,
        "answered_age": 0.0,
        "fetched_age": 0.0,
        "processed_age": 2.0,
        "committed_age": 2.0,
    }


def test_markers_of_transactions_at_the_end_are_no_lag(worker: Worker) -> None:
    worker.fetched = {("genre.requests", 0): Fetched(answered=2, position=9, end=9, buffered=False)}
    (row,) = worker.vitals.partitions(Watchdog(list, limit=LIMIT).age).values()
    assert (row["processed"], row["end"], row["lag"]) == (5, 9, 0)
    assert set(worker.dues()) == {HEARD}
