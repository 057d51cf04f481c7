"""The OpenAPI document: every route, every limit, and valid by whoever judges it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from streams.gateway import recommendations, training, users
from streams.gateway.openapi import document, printed
from streams.gateway.routes import ROUTES
from tests.streams.gateway.conftest import Door

DOCUMENT = document(ROUTES)


def test_every_route_is_described() -> None:
    for route in ROUTES:
        operation = DOCUMENT["paths"][route.path][route.method.lower()]
        assert operation["summary"] and ("requestBody" in operation) == (route.body is not None)
    names = [each["operationId"] for path in DOCUMENT["paths"].values() for each in path.values()]
    assert len(set(names)) == len(names) == len(ROUTES)
    assert json.loads(printed(ROUTES)) == DOCUMENT


def test_its_schemas_hold_the_limits() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    wish = {"$ref": "#/components/schemas/GenerationRequest", "components": DOCUMENT["components"]}
    validator = jsonschema.Draft202012Validator(wish)
    assert validator.is_valid({"user_id": "ada", "prompt": "x"})
    assert not validator.is_valid({"user_id": "ada", "prompt": "x", "candidates": 99})
    jsonschema.Draft202012Validator.check_schema({"$defs": schemas})


def test_a_validator_of_openapi_takes_it() -> None:
    validator = pytest.importorskip("openapi_spec_validator")
    validator.validate(DOCUMENT)


def test_parameters_have_the_limits_of_the_fields_they_are() -> None:
    consent = DOCUMENT["paths"]["/v1/users/{user_id}/consent"]["put"]["parameters"]
    limits = {each["name"]: each["schema"] for each in consent}
    assert limits["user_id"]["maxLength"] == 256 and "pattern" in limits["tenant"]


# What reads logs of Kafka, or streams without an end, needs more than this door has behind it.
FUZZED = (
    "/v1/recommendations",
    "/v1/feedback",
    "/v1/users/{user_id}",
    "/v1/users/{user_id}/consent",
    "/v1/training",
    "/v1/chat/completions",
    "/v1/models/{model}",
)


def fuzz(address: str, examples: int) -> None:
    """Ask for whatever the document allows, and for what it does not, and judge every answer."""
    import schemathesis
    from schemathesis.specs.openapi.checks import positive_data_acceptance

    schema = schemathesis.openapi.from_dict(DOCUMENT)
    schema.config.update(base_url=address)
    for operation in [each.ok() for each in schema.get_all_operations()]:
        if operation.path not in FUZZED:
            continue
        # Without a body hardly anything breaks the document.
        for mode in list(schemathesis.GenerationMode)[: 1 + bool(operation.body)]:

            @settings(
                max_examples=examples,
                derandomize=True,
                database=None,
                deadline=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            @given(case=operation.as_strategy(generation_mode=mode))
            def judged(case: Any) -> None:
                # Which fields belong together is in no schema of JSON.
                case.call_and_validate(excluded_checks=[positive_data_acceptance])

            judged()


async def test_a_fuzzer_that_follows_it_finds_nothing(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("schemathesis", reason="needs the extra `gateway`")

    async def nothing(*_: Any, **__: Any) -> None:
        """The log is empty."""

    async def no_steps(*_: Any, **__: Any) -> AsyncIterator[Any]:
        steps: list[Any] = []
        for step in steps:
            yield step

    monkeypatch.setattr(recommendations, "last", nothing)
    monkeypatch.setattr(users, "newest", nothing)
    monkeypatch.setattr(training, "_steps", no_steps)
    await asyncio.to_thread(fuzz, str(door.http.make_url("/")), 2)
