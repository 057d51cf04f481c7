"""Which tenants are served: those of a list, or so many as there may be."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field

from schemas.errors import Rejected


@dataclass(slots=True, kw_only=True)
class Tenants:
    """What `GENRE_TENANTS` allows beside the default tenant: named ones, or a number.

    Every tenant that has taught something costs memory in every worker, for ever: `knows` says
    whether one has, `count` how many have.
    """

    allowed: frozenset[str] | int = sys.maxsize
    knows: Callable[[str], bool] = lambda tenant: False
    count: Callable[[], int] = lambda: 0
    _new: set[str] = field(default_factory=set)
    """Those that have just begun, before they are known."""

    def check(self, tenant: str | None) -> None:
        """Raises Rejected: `unknown_tenant` beside the list, `too_many_tenants` beyond the cap."""
        if tenant is None:
            return
        if isinstance(self.allowed, frozenset):
            if tenant in self.allowed:
                return
            raise Rejected(
                "unknown_tenant",
                f"Expected a tenant that GENRE_TENANTS lists, got '{tenant}'; add it there.",
            )
        if self.knows(tenant) or tenant in self._new:
            return
        self._new = {each for each in self._new if not self.knows(each)}
        if self.count() + len(self._new) >= self.allowed:
            raise Rejected(
                "too_many_tenants",
                f"Expected at most {self.allowed} tenants, got one more, '{tenant}'; "
                "raise GENRE_TENANTS, or list there those that are served.",
            )

    def taught(self, tenant: str | None) -> None:
        """Count a tenant from now on: one of its users has reacted."""
        if tenant is not None and isinstance(self.allowed, int) and not self.knows(tenant):
            self._new.add(tenant)
