"""`genre keys create NAME`: a key of the gateway, and what belongs into the file of keys."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer

from agents.commands.terminal import say
from schemas.errors import Rejected
from schemas.fields import Tenant, UserId
from streams.gateway.keys import SCOPES, Name, created

cli = typer.Typer(help="Make keys of the gateway.", no_args_is_help=True)

_USUAL = ["ask", "react", "read"]


@cli.callback()
def keys() -> None:
    """Make keys of the gateway."""


@cli.command()
def create(
    name: Annotated[str, typer.Argument(help="Of the key: a-z, 0-9, '-' and '_'.")],
    tenant: Annotated[str | None, typer.Option(help="Whose users it speaks for.")] = None,
    user: Annotated[
        list[str] | None, typer.Option(help="The only user it speaks for; may repeat.")
    ] = None,
    scope: Annotated[
        list[str] | None,
        typer.Option(help=f"{', '.join(SCOPES)}; may repeat. Else {', '.join(_USUAL)}."),
    ] = None,
    per_minute: Annotated[int, typer.Option(min=1, help="Requests.")] = 600,
    streams: Annotated[int, typer.Option(min=1, help="Requests that wait at once.")] = 100,
) -> None:
    """Make a key: it goes to standard error, once; its table goes to standard output.

    For instance `genre keys create web --tenant acme >> keys.toml`, GENRE_GATEWAY_KEYS=keys.toml.
    """
    _check(name, Name, "a name of a-z, 0-9, '-' and '_'")
    if tenant is not None:
        _check(tenant, Tenant, "a tenant of a-z, 0-9 and '-'")
    users = [_check(each, UserId, "the id of a user") for each in user or ()]
    scopes = [_check(each, str, "") for each in scope or _USUAL]
    if not set(scopes) <= set(SCOPES):
        raise Rejected("bad_scope", f"Expected scopes of {', '.join(SCOPES)}, got another.")
    key, salt, digest = created(name)
    say(key, err=True)
    lines = [f"[{name}]", f'salt = "{salt}"', f'digest = "{digest}"']
    lines += [f'tenant = "{tenant}"'] if tenant else []
    lines += [f"users = {_listed(users)}"] if users else []
    lines += [f"scopes = {_listed(scopes)}", f"per_minute = {per_minute}", f"streams = {streams}"]
    say("\n".join(lines) + "\n")


def _listed(words: list[str]) -> str:
    # A list of JSON strings is one of TOML, too.
    return msgspec.json.encode(words).decode()


def _check(value: str, kind: object, expected: str) -> str:
    try:
        return str(msgspec.convert(value, kind))
    except msgspec.ValidationError as error:
        raise Rejected("bad_key", f"Expected {expected}, got {value[:80]!r}.") from error
