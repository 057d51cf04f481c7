"""Faust's Kafka transport, with a fetch wait of our own and recoveries that lose no record."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import AsyncIterator, Iterable
from types import SimpleNamespace
from typing import Any

from faust.transport.drivers import aiokafka as driver

from streams.clients.kafka import suit
from streams.wire.source import Unreadable

log = logging.getLogger(__name__)

# Seconds between looks at the events that are under way.
_LOOK = 0.05


class ConsumerThread(driver.AIOKafkaConsumerThread):
    """Reads committed records only, and waits for them as all of GENRE's consumers do.

    Faust fixes both: uncommitted ones too, and 1500 ms.
    """

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        suit(consumer, fetch_wait=self.app.genre_settings.fetch_wait)
        return consumer

    async def getmany(self, active_partitions: Any, timeout: float) -> Any:
        """As Faust does, without what stands for lost rows: a changelog has no dead letters."""
        fetched = await super().getmany(active_partitions, timeout)
        for tp, records in fetched.items():
            if tp.topic in self.app.tables.changelog_topics:
                fetched[tp] = list(filter(_is_row, records))
        return fetched

    async def on_partitions_revoked(self, revoked: set[Any]) -> None:
        """As Faust does, until this consumer is stopped.

        Then the main thread no longer answers, and a rebalance that waits for it would keep the
        consumer from leaving its group.
        """
        await self.wait(super().on_partitions_revoked(revoked))

    async def on_partitions_assigned(self, assigned: set[Any], generation_id: int = 0) -> None:
        """As Faust does, until this consumer is stopped."""
        await self.wait(super().on_partitions_assigned(assigned, generation_id))

    async def confirms(self, generation: int) -> bool:
        """Whether the group says that this worker is a member of that generation.

        Waits for its word: a broker that is away says nothing.
        """
        coordinator = self._ensure_consumer()._coordinator
        while coordinator.generation == generation:
            if await self.call_thread(coordinator._do_heartbeat):
                return bool(coordinator.generation == generation)
            await asyncio.sleep(self.app.conf.broker_heartbeat_interval)
        return False

    async def seek_to_committed(self) -> Any:
        """As Faust does, and to the beginning where nothing was ever committed.

        There aiokafka stays where it is, which may be behind records that were fetched and thrown
        away: a worker that was killed before its first commit would lose them.
        """
        committed = await super().seek_to_committed()
        changelogs = self.app.tables.changelog_topics
        never = [
            tp for tp, offset in committed.items() if not offset and tp.topic not in changelogs
        ]
        if never:
            await self.seek_to_beginning(*never)
        return committed


def _is_row(record: Any) -> bool:
    if isinstance(record.value, Unreadable):
        log.error("%s[%d]: rows are lost: %s", record.topic, record.partition, record.value.why)
        return False
    return True


class Consumer(driver.Consumer):
    """Runs in a `ConsumerThread`; partitions of streams flow only when their queues are ready.

    At the end of a recovery Faust resumes the partitions, seeks to the committed offsets, and then
    clears every queue while it resumes the flow: records fetched in between are lost, and later
    ones are committed past them.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._held: set[Any] = set()

    @property
    def reader(self) -> Any:
        """aiokafka's consumer; None before it is made."""
        return self._thread._consumer

    def committed(self, topic: str, partition: int) -> int | None:
        """The offset that was committed last, or that was found when the partition came."""
        return self._committed_offset.get((topic, partition))

    def resume_partitions(self, tps: Iterable[Any]) -> None:
        """Resume changelogs now, everything else with the flow."""
        changelogs = self.app.tables.changelog_topics
        given = set(tps)
        self._held |= {tp for tp in given if tp.topic not in changelogs}
        super().resume_partitions(given - self._held)

    def pause_partitions(self, tps: Iterable[Any]) -> None:
        """What is paused does not wait to be resumed."""
        given = set(tps)
        self._held -= given
        super().pause_partitions(given)

    def resume_flow(self) -> None:
        """Called when the queues are cleared and open."""
        super().resume_flow()
        held, self._held = self._held, set()
        super().resume_partitions(held)
        if held:
            # What was fetched and cleared until now is fetched again; repeats are recognised.
            self.add_future(self.perform_seek())

    async def getmany(self, timeout: float) -> AsyncIterator[Any]:
        """As Faust does; during a recovery, also notice when a changelog has been read to its end.

        Faust waits for a row at the last offset. But where the last are markers of transactions,
        rows of an aborted one, or rows that compaction has removed, there is none.
        """
        async for delivered in super().getmany(timeout):
            yield delivered
        if self.app.in_recovery:
            await self._pass_what_is_no_row()

    async def _pass_what_is_no_row(self) -> None:
        recovery, passed = self.app.tables.recovery, []
        for tp, remaining in recovery.active_remaining().items():
            # What was delivered is counted when Faust takes it from its queue.
            delivered, counted = self._read_offset[tp], recovery.active_offsets[tp]
            if remaining <= 0 or (delivered is not None and delivered > counted):
                continue
            if await self._position(tp) > recovery.active_highwaters[tp]:
                recovery.active_offsets[tp] = recovery.active_highwaters[tp]
                passed.append(tp)
        if passed:
            # A row that is known already: Faust looks whether this was the last one.
            known = SimpleNamespace(message=SimpleNamespace(tp=passed[0], offset=-1))
            self.app.tables.changelog_queue.put_nowait(known)

    async def _position(self, tp: Any) -> int:
        try:
            return await self.position(tp) or 0
        except driver.IllegalStateError:  # taken away meanwhile
            return 0

    async def wait_first(self, *waiting: Any, timeout: Any = None) -> Any:
        """Deliver a message at once where nothing can keep it waiting; else as Faust does.

        Faust's drain loop calls this for every message, with its delivery and with a wait for a
        suspension that would cancel it, and makes four tasks of them: half of what an event costs.
        A delivery that has to wait must stay cancellable: it could outlive the partition's
        assignment.
        """
        if len(waiting) == 2 and self._takes_at_once():
            delivery, suspension = waiting
            suspension.close()
            await delivery
            return None
        return await super().wait_first(*waiting, timeout=timeout)

    def _takes_at_once(self) -> bool:
        """Whether a message passes every step of its delivery, into any queue, without waiting."""
        buffer = self.app.producer.buffer
        return (
            not self.suspend_flow.is_set()
            and self.app.flow_control.is_active()
            and not self.app.topics._tp_to_callback_lock.locked()
            and buffer.size <= buffer.max_messages
            and not any(channel.queue.full() for channel in self.app.topics)
        )

    async def wait_empty(self) -> None:
        """Wait for the events that are under way, but not for ever; then commit what has ended.

        Faust would wait until the last one has ended, and with it a whole group.
        """
        # Faust knows messages by weak references, also those that it has dropped.
        gc.collect()
        ends = self.loop.time() + self.app.patience
        while self._under_way() and self.loop.time() < ends and not self.should_stop:
            await asyncio.sleep(_LOOK)
        if unfinished := self._under_way():
            self.log.warning("%d events under way are given up", unfinished)
            await self.app.abandon()
            self.unacked.clear()
        await self.commit_and_end_transactions()

    def _under_way(self) -> int:
        return sum(not message.acked for message in self.unacked)

    async def confirms(self, generation: int) -> bool:
        """Whether the group says that this worker is a member of that generation."""
        return bool(await self._thread.confirms(generation))

    async def verify_all_partitions_active(self) -> None:
        """Nothing: Faust's livelock detector would end the process.

        It does so when it meets a partition whose position is looked up. Else it would only log,
        and its fetch check compares two different clocks.
        """

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)


class Producer(driver.Producer):
    """Flushes what is buffered, not what comes meanwhile."""

    async def flush(self) -> None:
        """Wait until what is buffered now is acknowledged.

        Faust calls this before every commit and waits for a moment at which nothing is buffered:
        under load there is none, and a commit took a minute.
        """
        buffered = list(self.buffer.pending._queue)
        if buffered:
            await asyncio.wait(buffered)
        if self._producer is not None:
            await self._producer.flush()


class Transport(driver.Transport):
    """The transport of every GENRE worker."""

    Consumer = Consumer
    Producer = Producer
