"""Tenants are listed or capped, and whoever is refused is told what to set."""

from __future__ import annotations

import pytest

from agents.tenants import Tenants
from schemas.errors import Rejected


def refused(tenants: Tenants, tenant: str) -> str:
    with pytest.raises(Rejected, match="GENRE_TENANTS") as caught:
        tenants.check(tenant)
    return caught.value.code


def test_the_default_tenant_is_always_served() -> None:
    Tenants(allowed=frozenset({"acme"})).check(None)
    Tenants(allowed=0).check(None)


def test_with_a_list_others_are_refused() -> None:
    tenants = Tenants(allowed=frozenset({"acme"}))
    tenants.check("acme")
    assert refused(tenants, "invented") == "unknown_tenant"


def test_beyond_the_cap_those_that_are_known_go_on() -> None:
    known = {"acme"}
    tenants = Tenants(allowed=3, knows=known.__contains__, count=lambda: len(known))
    for tenant in ("b", "b", "c"):
        tenants.check(tenant)
        tenants.taught(tenant)
    assert refused(tenants, "d") == "too_many_tenants"
    known.update("bc")
    for tenant in ("acme", "b", "c"):
        tenants.check(tenant)
    assert refused(tenants, "d") == "too_many_tenants"


def test_asking_alone_takes_no_place() -> None:
    tenants = Tenants(allowed=1)
    for tenant in ("a", "b", "c"):
        tenants.check(tenant)
