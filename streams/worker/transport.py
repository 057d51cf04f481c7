"""Faust's Kafka transport, with a fetch wait of our own and recoveries that lose no record."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterable
from typing import Any

from faust.transport.drivers import aiokafka as driver

from streams.clients.kafka import set_fetch_wait

# Seconds between looks at the events that are under way.
_LOOK = 0.05


class ConsumerThread(driver.AIOKafkaConsumerThread):
    """Sets `fetch_max_wait_ms`, which Faust 0.15.3 fixes at 1500.

    The embedded broker does not wake a waiting fetch.
    """

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        set_fetch_wait(consumer, self.app.fetch_wait)
        return consumer

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


class Consumer(driver.Consumer):
    """Runs in a `ConsumerThread`; partitions of streams flow only when their queues are ready.

    At the end of a recovery Faust resumes the partitions, seeks to the committed offsets, and then
    clears every queue while it resumes the flow: records fetched in between are lost, and later
    ones are committed past them.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._held: set[Any] = set()

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
