"""Who a record belongs to: the key of a user, made from the two fields that name one."""

from __future__ import annotations

from typing import Protocol


class OfUser(Protocol):
    """An event that names a user."""

    @property
    def user_id(self) -> str:
        """The user's id, unique in the tenant."""

    @property
    def tenant(self) -> str | None:
        """The tenant; None is the default one."""


def user_key(user_id: str, tenant: str | None) -> str:
    """The key of a user: `user_id` in the default tenant, else `tenant/user_id`.

    >>> user_key("ada", None), user_key("ada", "acme")
    ('ada', 'acme/ada')
    """
    return user_id if tenant is None else f"{tenant}/{user_id}"


def key_of(event: OfUser) -> str:
    """The key of the user whom an event names."""
    return user_key(event.user_id, event.tenant)


def user_of(key: str) -> tuple[str, str | None]:
    """The user id and tenant that make a key: no id holds a `/`.

    >>> user_of("ada"), user_of("acme/ada")
    (('ada', None), ('ada', 'acme'))
    """
    tenant, _, user_id = key.rpartition("/")
    return user_id, tenant or None
