"""The OpenAPI document: every route, every limit, and valid by whoever judges it."""

from __future__ import annotations

import json

import jsonschema
import pytest

from streams.gateway.openapi import document, printed
from streams.gateway.routes import ROUTES

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
