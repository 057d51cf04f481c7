"""Keys: who may call the gateway, for which tenant and users, for what, and how often.

The file of keys is TOML, a table a key, which `genre keys create` prints. It holds a salt and a
digest, never the key, and is read again when it changes.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import secrets
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Annotated, Literal, get_args

import msgspec

from schemas.errors import NotReady
from schemas.fields import Tenant, UserId
from streams.gateway.problems import Refusal

log = logging.getLogger(__name__)

Scope = Literal["ask", "react", "read", "train", "operate"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9_-]{1,32}$(?!\n)")]
_HEX = Annotated[str, msgspec.Meta(pattern=r"^([0-9a-f]{2}){16,64}$(?!\n)")]
_LONGEST = 256  # characters of a key
_LOOK = 1.0  # seconds between two looks at the file


class Key(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one key may do; `users` empty: every user of its tenant."""

    salt: _HEX
    digest: _HEX
    tenant: Tenant | None = None
    users: tuple[UserId, ...] = ()
    scopes: tuple[Scope, ...] = ("ask", "react", "read")
    per_minute: Annotated[int, msgspec.Meta(ge=1)] = 600
    """Requests; as many may come at once."""
    streams: Annotated[int, msgspec.Meta(ge=1)] = 100
    """Requests that wait or stream at the same time."""
    user_header: str | None = None
    """A header that names the user to the OpenAI door, of a program that is trusted to say so."""


@dataclass(slots=True)
class Caller:
    """Who calls: a key by its name, or anybody on loopback where no keys are needed."""

    name: str
    key: Key | None = None
    open: int = 0
    """Requests that wait or stream now."""
    _left: float = 0.0
    _since: float | None = None

    def take(self, now: float) -> None:
        """Count one request. Raises Refusal 429 beyond the key's rate."""
        if self.key is None:
            return
        most, rate = float(self.key.per_minute), self.key.per_minute / 60
        new = most if self._since is None else (now - self._since) * rate
        self._left, self._since = min(most, self._left + new), now
        if self._left < 1:
            raise Refusal(
                429,
                "over_rate",
                f"Expected at most {self.key.per_minute} requests a minute with this key.",
                {"Retry-After": str(int((1 - self._left) / rate) + 1)},
            )
        self._left -= 1

    def may(self, scope: Scope | None) -> None:
        """Raises Refusal 403 where the key lacks the scope."""
        if scope is not None and self.key is not None and scope not in self.key.scopes:
            raise Refusal(
                403, "out_of_scope", f"Expected a key with the scope '{scope}'; add it to the key."
            )

    def sees_everything(self) -> None:
        """Raises Refusal 403 for a key of one tenant or of some users."""
        if self.key is not None and (self.key.tenant is not None or self.key.users):
            raise Refusal(
                403,
                "not_of_one_tenant",
                "Expected a key without `tenant` and `users`, as this shows what all of them "
                "sent, got one with them.",
            )

    def tenant(self, named: str | None) -> str | None:
        """The tenant of a request that names one or none. Raises Refusal 403 for another's."""
        if self.key is None:
            return named
        if named not in (None, self.key.tenant):
            raise Refusal(
                403, "wrong_tenant", "Expected the tenant of this key, or none, got another."
            )
        return self.key.tenant

    def user(self, named: str) -> str:
        """The user that is named. Raises Refusal 403 where the key is bound to others."""
        if self.key is not None and self.key.users and named not in self.key.users:
            raise Refusal(403, "wrong_user", "Expected a user of this key, got another.")
        return named


def digest_of(secret: str, salt: str) -> str:
    """Hexadecimal. One round suffices: a key is 32 random bytes, not somebody's password."""
    return hashlib.sha256(bytes.fromhex(salt) + secret.encode("utf-8", "replace")).hexdigest()


def created(name: str) -> tuple[str, str, str]:
    """A new key, its salt and its digest."""
    key, salt = f"genre.{name}.{secrets.token_urlsafe(32)}", secrets.token_hex(16)
    return key, salt, digest_of(key, salt)


class Keys:
    """The callers of a file of keys; without a file everybody, which is for loopback alone.

    Raises NotReady (bad_keys) for a file that cannot be read; one that breaks later is told in the
    log, and the keys before it go on.
    """

    def __init__(self, file: str, now: Callable[[], float] = monotonic) -> None:
        self._path = Path(file).expanduser() if file else None
        self._now = now
        self._anybody = Caller("anybody")
        self._callers: dict[str, Caller] = {}
        self._looked = now()
        self._seen = _version(self._path)
        if self._path is not None:
            self._callers = _callers(_read(self._path), {})

    @property
    def needed(self) -> bool:
        """Whether callers need a key."""
        return self._path is not None

    def caller(self, authorization: str | None) -> Caller:
        """Who sends this header. Raises Refusal 401 for no key of ours, 429 beyond its rate."""
        if self._path is None:
            return self._anybody
        self._look_again()
        scheme, _, key = (authorization or "").partition(" ")
        parts = key.strip().split(".")
        caller = self._callers.get(parts[1]) if len(parts) == 3 and len(key) <= _LONGEST else None
        known = caller.key if caller is not None else None
        if (
            caller is None
            or known is None
            or scheme.lower() != "bearer"
            or not hmac.compare_digest(digest_of(key.strip(), known.salt), known.digest)
        ):
            raise Refusal(
                401,
                "no_key",
                "Expected `Authorization: Bearer` and a key of this gateway; "
                "`genre keys create` makes one.",
                {"WWW-Authenticate": "Bearer"},
            )
        caller.take(self._now())
        return caller

    def _look_again(self) -> None:
        now = self._now()
        if self._path is None or now - self._looked < _LOOK:
            return
        self._looked, version = now, _version(self._path)
        if version == self._seen:
            return
        self._seen = version
        try:
            self._callers = _callers(_read(self._path), self._callers)
        except NotReady as error:
            log.error("the keys before go on: %s", error)


def _version(path: Path | None) -> tuple[int, int] | None:
    try:
        state = path.stat() if path is not None else None
    except OSError:
        return None
    return (state.st_mtime_ns, state.st_ino) if state is not None else None


def _read(path: Path) -> Mapping[str, Key]:
    try:
        return msgspec.convert(tomllib.loads(path.read_text("utf-8")), dict[Name, Key])
    except OSError as error:
        got = error.strerror or type(error).__name__
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        got = str(error)
    raise NotReady("bad_keys", f"Expected a file of keys in GENRE_GATEWAY_KEYS, got: {got}.")


def _callers(keys: Mapping[str, Key], before: Mapping[str, Caller]) -> dict[str, Caller]:
    """Those whose key has not changed keep what they have used up."""
    return {
        name: before[name] if name in before and before[name].key == key else Caller(name, key)
        for name, key in keys.items()
    }
