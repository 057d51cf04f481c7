"""What real producers send reaches the workers: batches of every codec, and of transactions only
what was committed, also in the changelog from which a table is recovered."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.record._crecords import default_records

from agents.supervisor import Supervisor
from schemas.recommendations import Recommendation
from schemas.requests import GenerationRequest
from streams.clients.topic_admin import create
from streams.wire.codecs import decode, encode
from streams.wire.dead_letters import reasons
from streams.wire.topics import changelog
from tests.end_to_end.conftest import Pipeline, on_kafka
from tests.streams.clients.traffic import transact

CODECS = ("gzip", "lz4", "snappy", "zstd")


def _request(user: str, request: str) -> bytes:
    return encode(GenerationRequest(user_id=user, prompt="a joke " * 100, request_id=request))


@pytest.mark.asyncio(loop_scope="package")
async def test_requests_of_every_codec_are_answered(pipeline: Pipeline) -> None:
    topic, user = pipeline.settings.topic("requests"), "codecs"
    for codec in CODECS:
        async with AIOKafkaProducer(
            bootstrap_servers=pipeline.settings.brokers, compression_type=codec
        ) as sender:
            await sender.send_and_wait(topic, _request(user, codec), key=user.encode())
    answers = await pipeline.until("recommendations", len(CODECS), user)
    assert sorted(decode(each.value, Recommendation).request_id for each in answers) == [*CODECS]


@pytest.mark.asyncio(loop_scope="package")
async def test_requests_of_aborted_transactions_are_not_answered(pipeline: Pipeline) -> None:
    if pipeline.settings.embedded:
        pytest.skip("the embedded broker has no transactions")
    topic, user = pipeline.settings.topic("requests"), "transactions"
    for number in range(4):
        request = _request(user, f"r{number}")
        await transact(pipeline.settings, topic, request, key=user.encode(), commit=number % 2 == 1)
    answers = await pipeline.until("recommendations", 2, user)
    assert [decode(each.value, Recommendation).request_id for each in answers] == ["r1", "r3"]


@pytest.mark.asyncio(loop_scope="package")
async def test_a_batch_that_cannot_be_unpacked_is_one_dead_letter(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not pipeline.settings.embedded:
        pytest.skip("Apache Kafka refuses such a batch; only a broken disk makes one there")
    topic, user = pipeline.settings.topic("requests"), "corrupt"
    async with AIOKafkaProducer(
        bootstrap_servers=pipeline.settings.brokers, compression_type="lz4"
    ) as sender:
        with monkeypatch.context() as patch:
            patch.setattr(default_records, "lz4_encode", lambda records: b"garbage")
            placed = await sender.send_and_wait(topic, _request(user, "lost"), key=user.encode())
        await sender.send_and_wait(topic, _request(user, "found"), key=user.encode())
    await pipeline.until("recommendations", 1, user)
    codes = {(each["code"], each["partition"], each["offset"]) for each in await _letters(pipeline)}
    assert ("corrupt_batch", str(placed.partition), str(placed.offset)) in codes


async def _letters(pipeline: Pipeline) -> list[dict[str, str]]:
    return [reasons(each.headers) for each in await pipeline.until("requests.dlq", 1)]


@pytest.mark.kafka
async def test_tables_are_recovered_from_changelogs_that_end_in_aborted_transactions(
    kafka_address: str, tmp_path: Path
) -> None:
    async with on_kafka(kafka_address, tmp_path, partitions=1) as settings:
        settings = replace(settings, corpora=tmp_path / "sent", adapters=tmp_path / "adapters")
        await create(settings)
        for table in ("decisions", "preferences"):
            topic = changelog(settings.prefix, "recommend", table)
            await transact(settings, topic, b"row", commit=False)
        async with Supervisor(
            settings, logs=tmp_path / "logs", module="benchmarks.stand_ins"
        ) as supervisor:
            supervisor.start("recommend")
            await supervisor.ready(within=30)
