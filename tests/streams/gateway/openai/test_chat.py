"""The OpenAI door, by the `openai` package as it is, and by what it cannot send."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from schemas.progress import Progress
from tests.javascript import NODE, node_modules
from tests.streams.gateway.conftest import Door, answer, key, whole

PATH = "/v1/chat/completions"
ASK = {"model": "genre", "messages": [{"role": "user", "content": "a joke"}]}


def chunks(stream: str) -> list[Any]:
    """The data of a stream; `[DONE]` as it is."""
    lines = [line[6:] for line in stream.splitlines() if line.startswith("data: ")]
    return [line if line == "[DONE]" else json.loads(line) for line in lines]


async def refused(door: Door, **fields: Any) -> tuple[int, dict[str, Any]]:
    """The status and the error of a completion."""
    async with door.http.post(PATH, json=ASK | fields) as response:
        assert response.headers["x-should-retry"] in ("true", "false")
        return response.status, (await response.json())["error"]


async def test_choices_are_ranked_candidates(door: Door) -> None:
    async with door.http.post(PATH, json=ASK | {"n": 2}) as response:
        document = await response.json()
    assert document["object"] == "chat.completion" and document["model"] == "genre"
    assert [each["index"] for each in document["choices"]] == [0, 1]
    assert document["choices"][0]["message"]["content"] == "Two."
    assert document["choices"][0]["genre"]["candidate_id"] == f"{document['id']}/1"
    assert {each["finish_reason"] for each in document["choices"]} == {"stop"}
    (asked,) = door.kafka.events
    assert (asked.request_id, asked.candidates, asked.user_id) == (document["id"], 4, "guest")


async def test_one_choice_is_the_best_of_several(door: Door) -> None:
    async with door.http.post(PATH, json=ASK) as response:
        assert len((await response.json())["choices"]) == 1
    assert door.kafka.events[0].candidates == 4


async def test_a_stream_of_one_choice_plans_one_arm(door: Door) -> None:
    def one(asked: Any) -> Iterable[Any]:
        events = [each for each in whole(asked) if getattr(each, "index", 0) == 0]
        return [*events[:-1], answer(asked, ("Piece 0.",))]

    door.kafka.script = one
    wish = ASK | {"stream": True, "stream_options": {"include_usage": True}}
    async with door.http.post(PATH, json=wish) as response:
        assert response.content_type == "text/event-stream"
        *told, done = chunks(await response.text())
    assert done == "[DONE]" and door.kafka.events[0].candidates == 1
    assert len({(each["id"], each["created"], each["model"]) for each in told}) == 1
    *texts, usage = told
    assert usage["choices"] == [] and "total_tokens" in usage["usage"]
    assert [each["choices"][0]["finish_reason"] for each in texts] == [None, None, "stop"]
    assert texts[0]["choices"][0]["delta"]["role"] == "assistant"
    assert "".join(each["choices"][0]["delta"].get("content", "") for each in texts) == "Piece 0."
    assert all(each["usage"] is None for each in texts)


async def test_what_the_gate_holds_back_ends_with_content_filter(door: Door) -> None:
    def held_back(asked: Any) -> Iterable[Any]:
        pieces = [each for each in whole(asked) if isinstance(each, Progress)]
        return [*pieces, answer(asked, ("Piece 0.",))]

    door.kafka.script = held_back
    async with door.http.post(PATH, json=ASK | {"stream": True, "n": 2}) as response:
        told = chunks(await response.text())[:-1]
    ends = {
        each["choices"][0]["index"]: each["choices"][0]["finish_reason"]
        for each in told
        if each["choices"][0]["finish_reason"]
    }
    assert ends == {0: "stop", 1: "content_filter"}
    door.kafka.script = lambda asked: [
        answer(asked, (), status="declined", code="declined", message="No.")
    ]
    async with door.http.post(PATH, json=ASK) as response:
        (choice,) = (await response.json())["choices"]
    assert choice["finish_reason"] == "content_filter"


async def test_an_error_in_a_stream_is_told_in_it(door: Door) -> None:
    door.kafka.script = lambda asked: [
        answer(asked, (), status="error", code="generate_failed", message="No.")
    ]
    async with door.http.post(PATH, json=ASK | {"stream": True}) as response:
        (told,) = chunks(await response.text())
    assert told["error"]["code"] == "generate_failed"


async def test_names_of_models_and_metadata_choose_the_genre(door: Door) -> None:
    for fields, genre in (
        ({"model": "genre:joke"}, "joke"),
        ({"model": "joke@0123456789ab"}, "joke@0123456789ab"),
        ({"model": "genre", "metadata": {"genre": "sonnet"}}, "sonnet"),
        ({"model": None}, None),
    ):
        async with door.http.post(PATH, json=ASK | fields) as response:
            assert response.status == 200
        assert door.kafka.events.pop().genre == genre
    status, error = await refused(door, model="gpt-5")
    assert (status, error["code"], error["param"]) == (404, "model_not_found", "model")


async def test_nulls_unknown_fields_and_large_numbers_are_taken(door: Door) -> None:
    wish = {
        "messages": [{"role": "user", "content": [{"type": "text", "text": "a joke"}], "x": 1}],
        "temperature": None,
        "tools": None,
        "stop": None,
        "max_completion_tokens": 100_000,
        "max_tokens": None,
        "seed": -5,
        "top_p": 0,
        "unknown": {"a": 1},
        "presence_penalty": 0.0,
        "safety_identifier": "ada",
        "user": "old",
    }
    async with door.http.post(PATH, json=wish) as response:
        assert response.status == 200, await response.text()
    (asked,) = door.kafka.events
    assert (asked.user_id, asked.max_tokens, asked.seed, asked.prompt) == ("ada", 512, 5, "a joke")


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"tools": [{"type": "function"}]}, "tools"),
        ({"logprobs": True}, "logprobs"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
        ({"stop": ["\n"]}, "stop"),
        ({"n": 9}, "n"),
        ({"n": 0}, "n"),
        ({"temperature": "hot"}, "temperature"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "system", "content": "x"}]}, "messages"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "messages"),
        ({"messages": [{"role": "user", "content": 4}]}, "messages[0].content"),
    ],
)
async def test_what_is_not_done_is_refused_aloud(
    door: Door, fields: dict[str, Any], param: str
) -> None:
    status, error = await refused(door, **fields)
    assert (status, error["param"], error["type"]) == (400, param, "invalid_request_error")
    assert door.kafka.events == []


async def test_a_user_that_is_none_and_a_document_that_is_none_are_400(door: Door) -> None:
    status, error = await refused(door, user="a/b")
    assert (status, error["code"]) == (400, "bad_format")
    for body in (b"{", b"[]", b'"x"'):
        headers = {"Content-Type": "application/json"}
        async with door.http.post(PATH, data=body, headers=headers) as response:
            assert response.status == 400 and "error" in await response.json()


@pytest.fixture
def trusted(keys_file: Path) -> dict[str, str]:
    """A key of a program that says who asks."""
    return key(keys_file, "webui", 'user_header = "X-OpenWebUI-User-Id"')


async def test_a_forwarded_user_counts_for_a_key_that_says_so(
    trusted: dict[str, str], door: Door
) -> None:
    forwarded = {"X-OpenWebUI-User-Id": "eve"}
    async with door.http.post(PATH, json=ASK, headers=trusted | forwarded) as response:
        assert response.status == 200
    assert door.kafka.events[0].user_id == "eve"


async def test_a_forwarded_user_counts_for_nobody_else(door: Door) -> None:
    async with door.http.post(PATH, json=ASK, headers={"X-OpenWebUI-User-Id": "eve"}) as response:
        assert response.status == 200
    assert door.kafka.events[0].user_id == "guest"


async def test_the_package_of_openai_reads_it_unchanged(door: Door) -> None:
    openai = pytest.importorskip("openai", reason="needs the extra `gateway`")
    base = str(door.http.make_url("/v1"))
    async with openai.AsyncOpenAI(base_url=base, api_key="none", max_retries=0) as client:
        whole_ = await client.chat.completions.create(**ASK, n=2)
        assert [each.message.content for each in whole_.choices] == ["Two.", "One."]
        assert whole_._request_id
        stream = await client.chat.completions.create(**ASK, n=2, stream=True)
        texts = [each.choices[0].delta.content or "" async for each in stream]
        assert "".join(texts) == "Piece 0.Piece 1."
        assert "genre:joke" in [each.id async for each in await client.models.list()]
        with pytest.raises(openai.NotFoundError):
            await client.chat.completions.create(**ASK | {"model": "gpt"})
        door.kafka.script = lambda asked: [
            answer(asked, (), status="error", code="generate_failed", message="No.")
        ]
        with pytest.raises(openai.APIError) as caught:
            async for _ in await client.chat.completions.create(**ASK, stream=True):
                pass
        assert caught.value.code == "generate_failed"


async def in_javascript(door: Door, folder: Path, *what: str) -> Any:
    """What `unchanged.mjs` tells, run beside the packages of the examples."""
    packages = node_modules()
    if packages is None:
        pytest.skip("needs Node.js, and `npm ci` in examples")
    if not (folder / "node_modules").exists():
        (folder / "node_modules").symlink_to(packages)
    program = shutil.copy(Path(__file__).with_name("unchanged.mjs"), folder)
    process = await asyncio.create_subprocess_exec(
        *(NODE, program, str(door.http.make_url("/v1")), *what), stdout=asyncio.subprocess.PIPE
    )
    output, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0
    return json.loads(output)


async def test_the_package_for_javascript_reads_it_unchanged(door: Door, tmp_path: Path) -> None:
    told = await in_javascript(door, tmp_path)
    assert told["whole"] == ["Two.", "One."] and told["streamed"] == ["Piece 0.", "Piece 1."]
    assert told["request"] and len(told["usage"]) == 1
    assert {"genre", "genre:joke"} <= set(told["models"])
    assert told["unknown"] == ["NotFoundError", "model_not_found"]
    assert told["refused"] == ["BadRequestError", "unsupported_parameter"]
    assert told["feedback"]["state"] == "stored"
    asked, streamed, liked = door.kafka.events
    assert (asked.user_id, asked.genre, streamed.user_id) == ("ada", "joke", "guest")
    assert (liked.request_id, liked.candidate_id) == (told["id"], f"{told['id']}/1")


async def test_the_package_for_javascript_raises_what_goes_wrong(
    door: Door, tmp_path: Path
) -> None:
    door.kafka.script = lambda asked: [
        answer(asked, (), status="error", code="generate_failed", message="No.")
    ]
    assert await in_javascript(door, tmp_path, "errors") == {
        "whole": ["InternalServerError", "generate_failed"],
        "streamed": ["APIError", "generate_failed"],
    }
