"""What is done about each category of harm, for everybody or for one tenant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, cast, get_args

import msgspec

from schemas.errors import NotReady

Action = Literal["decline", "flag", "allow"]
FILE = Path(__file__).with_name("policy.toml")
_NEVER_LESS = "minors"


@dataclass(frozen=True, slots=True, kw_only=True)
class Category:
    """A kind of harm: what it covers, what only looks like it, and what is done about it.

    `reason` is what the person reads who asked; `reasons` say it in other languages, by ISO 639-1.
    """

    title: str
    covers: str
    spares: str
    request: Action
    text: Action
    reason: str
    reasons: Mapping[str, str] = field(default_factory=dict)

    def said(self, language: str | None) -> str:
        """The reason in that language where there is one, else in English."""
        return self.reasons.get((language or "en").partition("-")[0].lower(), self.reason)


@dataclass(frozen=True, kw_only=True)
class Policy:
    """Categories by name, and other actions for tenants.

    >>> Policy.load().of("fraud", None).request
    'decline'
    """

    categories: Mapping[str, Category]
    tenants: Mapping[str, Mapping[str, Action]] = field(default_factory=dict)

    @classmethod
    def load(cls, file: Path | None = None) -> Policy:
        """The policy that comes with GENRE, with the actions of `file` in place of its own.

        Raises NotReady `bad_policy`.
        """
        packaged = msgspec.toml.decode(FILE.read_bytes(), type=dict[str, dict[str, Category]])
        policy = cls(categories=packaged["category"])
        if file is None:
            return policy
        try:
            given = msgspec.toml.decode(file.read_bytes(), type=dict[str, Any])
        except (OSError, msgspec.DecodeError) as error:
            raise _bad(f"a TOML file, got {file.name}: {error}") from error
        if unknown := set(given) - {"everybody", "tenant"}:
            raise _bad(f"[everybody] and [tenant.NAME], got {sorted(unknown)}")
        everybody = policy.checked(given.get("everybody", {}))
        categories = {
            name: replace(each, request=everybody[name], text=everybody[name])
            if name in everybody
            else each
            for name, each in policy.categories.items()
        }
        tenants = given.get("tenant", {})
        if not isinstance(tenants, dict):
            raise _bad(f"[tenant.NAME], got {tenants!r}")
        own = {tenant: policy.checked(actions) for tenant, actions in tenants.items()}
        return cls(categories=categories, tenants=own)

    def checked(self, actions: object) -> Mapping[str, Action]:
        """Actions by category as a file names them. Raises NotReady `bad_policy`."""
        if not isinstance(actions, dict):
            raise _bad(f"categories and their actions, got {actions!r}")
        for name, action in actions.items():
            if name not in self.categories:
                raise _bad(f"one of {', '.join(self.categories)}, got {name!r}")
            if action not in get_args(Action):
                raise _bad(f"decline, flag or allow for {name}, got {action!r}")
            if name == _NEVER_LESS and action != "decline":
                raise _bad(f"decline for {name}, which nothing else is done about, got {action!r}")
        return cast("Mapping[str, Action]", actions)

    def of(self, category: str, tenant: str | None) -> Category:
        """The category with a tenant's actions."""
        return self._of_tenants.get((category, tenant or ""), self.categories[category])

    @cached_property
    def _of_tenants(self) -> Mapping[tuple[str, str], Category]:
        return {
            (name, tenant): replace(self.categories[name], request=action, text=action)
            for tenant, actions in self.tenants.items()
            for name, action in actions.items()
        }


def _bad(message: str) -> NotReady:
    return NotReady("bad_policy", f"expected {message}; see docs/safety.md")
