"""The gateway as a process: on loopback without keys, elsewhere only with them; health; its end."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from schemas.errors import NotReady
from streams.clients.embedded_broker import EmbeddedBroker
from streams.gateway import server
from streams.gateway.server import Gateway
from streams.settings import Settings
from tests.streams.gateway.conftest import Shelf, key


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "gateway.example"])
def test_beyond_loopback_it_needs_keys(host: str, keys_file: Path) -> None:
    with pytest.raises(NotReady, match="genre keys create") as caught:
        Gateway(Settings(gateway_host=host), Shelf(), lambda *_: None)
    assert caught.value.code == "no_keys"
    key(keys_file, "web")
    Gateway(Settings(gateway_host=host, gateway_keys=str(keys_file)), Shelf(), lambda *_: None)


async def test_it_says_when_kafka_is_away_and_ends_with_open_streams(
    broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "_QUESTION", 0.02)
    gateway = Gateway(replace(broker.settings), Shelf(), lambda *_: None)
    stopped = asyncio.Event()
    running = asyncio.create_task(gateway.run(stopped))
    async with asyncio.timeout(20), aiohttp.ClientSession() as http:
        while not gateway.address:
            await asyncio.sleep(0.01)
        async with http.get(f"{gateway.address}/health") as response:
            assert response.status == 200 and json.loads(await response.text())["ready"]

        async def silent(_settings: Settings) -> None:
            raise NotReady("no_broker", "nobody answers")

        wish = {"user_id": "ada", "prompt": "nobody will answer this"}
        asking = asyncio.create_task(http.post(f"{gateway.address}/v1/recommendations", json=wish))
        monkeypatch.setattr(server, "reach", silent)
        monkeypatch.setattr(server, "_SILENCE", 0.1)
        while True:
            async with http.get(f"{gateway.address}/health") as response:
                if response.status == 503:
                    reason = json.loads(await response.text())["reason"]
                    break
            await asyncio.sleep(0.02)
        assert "Kafka has not answered" in reason
        stopped.set()
        await running
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
