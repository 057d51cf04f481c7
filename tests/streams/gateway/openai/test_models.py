"""Models are genres and adapters, in the form that clients of OpenAI read."""

from __future__ import annotations

from tests.streams.gateway.conftest import Door


async def test_models_are_listed(door: Door) -> None:
    async with door.http.get("/v1/models") as response:
        document = await response.json()
    assert document["object"] == "list"
    names = ["genre", "genre:joke", "joke@0123456789ab"]
    assert [each["id"] for each in document["data"]] == names
    assert set(document["data"][0]) == {"id", "object", "created", "owned_by"}
    async with door.http.get("/v1/models/genre:joke") as response:
        assert (await response.json())["id"] == "genre:joke"
    async with door.http.get("/v1/models/nothing") as response:
        assert response.status == 404 and "error" in await response.json()
