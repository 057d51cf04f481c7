"""Every setting of a process, read from the environment once. No other file reads `os.environ`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import get_type_hints

from schemas.errors import NotReady

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off", ""}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Frozen settings; the variable of a field is `GENRE_` plus its name in capitals."""

    brokers: str = "127.0.0.1:9092"
    """Comma-separated host:port list."""
    prefix: str = "genre."
    """Of every topic, consumer group and changelog."""
    partitions: int = 4
    """Of every topic; fixed at creation."""
    replication: int = 1
    """Copies of every partition; 3 in production."""

    security_protocol: str = "PLAINTEXT"
    """PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL."""
    sasl_username: str = ""
    sasl_password: str = ""
    ca_file: str = ""

    session_timeout: float = 45.0
    """Seconds after which a silent worker loses its partitions."""
    heartbeat: float = 3.0
    """Seconds between heartbeats."""
    fetch_wait: float = 0.5
    """Seconds a fetch may wait; the embedded broker does not wake a waiting fetch, so it needs a few milliseconds."""
    linger: float = 0.0
    """Seconds a producer gathers a batch."""
    incarnation: str = ""
    """Names one run of the embedded broker; state of another run is never reused. Empty on a lasting cluster."""

    models: Path = Path("~/.cache/genre/models").expanduser()
    """Converted base model and sentence encoder."""
    adapters: Path = Path("~/.cache/genre/adapters").expanduser()
    """Content-addressed adapter store."""
    state: Path = Path("~/.cache/genre/state").expanduser()
    """Local state of the workers (tables)."""
    store: str = "rocksdb://"
    """Where tables live: `rocksdb://` or `memory://`."""

    threads: int = 0
    """Threads of a model process; 0 takes the number of cores."""
    rows: int = 16
    """Candidates that one generate worker writes at the same time."""

    reply_prefixes: str = "replies."
    """Comma-separated prefixes that a client's `reply-to` topic must have."""
    health_port: int = 0
    """Port of `/health` on `health_bind`; 0 takes a free one."""
    health_bind: str = "127.0.0.1"
    exploration: bool = True
    """False is the kill switch: every decision is greedy."""
    learning_opt_in: bool = False
    """True: a user is learned from only after their consent; False: unless they refused."""
    log_level: str = "WARNING"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """Read `GENRE_*`; raises NotReady for a value that does not fit, and for an unknown variable's value never."""
        hints = get_type_hints(cls)
        given = {
            field.name: _parse(
                f"GENRE_{field.name.upper()}", environment[f"GENRE_{field.name.upper()}"], hints[field.name]
            )
            for field in fields(cls)
            if f"GENRE_{field.name.upper()}" in environment
        }
        return cls(**given)

    def environment(self) -> dict[str, str]:
        """The variables that give another process these settings."""
        return {f"GENRE_{field.name.upper()}": str(getattr(self, field.name)) for field in fields(self)}

    def topic(self, name: str) -> str:
        """The full name of a topic, consumer group or application: prefix and name."""
        return self.prefix + name

    @property
    def embedded(self) -> bool:
        """Whether the broker is one run of the embedded one."""
        return bool(self.incarnation)


def _parse(name: str, value: str, kind: type) -> object:
    if kind is bool:
        if value.lower() in _TRUE | _FALSE:
            return value.lower() in _TRUE
        raise NotReady("bad_setting", f"Expected {name} to be true or false, got {value!r}.")
    try:
        return Path(value).expanduser() if kind is Path else kind(value)
    except ValueError as error:
        raise NotReady("bad_setting", f"Expected {name} to be a {kind.__name__}, got {value!r}.") from error
