"""Faust's Kafka transport with the two consumer settings that Faust hard-codes: how long and how much a fetch waits."""

from __future__ import annotations

from typing import Any

from faust.transport.drivers import aiokafka as driver


class ConsumerThread(driver.AIOKafkaConsumerThread):
    """Sets `fetch_max_wait_ms`, which Faust 0.15.3 fixes at 1500: the embedded broker does not wake a waiting fetch."""

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        # Read by aiokafka when the consumer starts; a test guards the private name.
        consumer._fetch_max_wait_ms = int(self.app.fetch_wait * 1000)
        return consumer


class Consumer(driver.Consumer):
    """A consumer that runs in a `ConsumerThread`."""

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)


class Transport(driver.Transport):
    """The transport of every GENRE worker."""

    Consumer = Consumer
