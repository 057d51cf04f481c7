"""The table of paths: each once, and each with a scope that a key can have."""

from __future__ import annotations

from streams.gateway.keys import SCOPES
from streams.gateway.routes import ROUTES


def test_a_method_of_a_path_is_there_once() -> None:
    places = [(route.method, route.path) for route in ROUTES]
    assert len(set(places)) == len(places)
    assert {route.scope for route in ROUTES} <= set(SCOPES)
    assert all(route.handler.__doc__ for route in ROUTES)
