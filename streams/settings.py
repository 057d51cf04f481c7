"""Every setting of a process, read from the environment once. No other file reads `os.environ`."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, get_type_hints

from schemas.cache import cache_folder
from schemas.errors import NotReady

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off", ""}
_TOPIC_PREFIX = re.compile(r"[A-Za-z0-9._-]{0,100}")
_DEVICE = re.compile(r"auto|cpu|cuda(:[0-9]{1,2})?")
_LANGUAGES = re.compile(r"(any|[a-z]{2,3}(,[a-z]{2,3}){0,199})?")
_TENANT = re.compile(r"[a-z0-9-]{1,63}")
_ALLOWED = {
    "security_protocol": ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"),
    "engine": ("auto", "exact", "fast", "openai"),
    "server_kind": ("vllm", "sglang", "lorax", "llamacpp"),
    "store": ("rocksdb://", "memory://"),
    "log_level": ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"),
}


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
    sasl_password: str = field(default="", repr=False)
    ca_file: str = ""

    session_timeout: float = 10.0
    """Seconds after which a silent worker loses its partitions."""
    heartbeat: float = 1.0
    """Seconds between heartbeats; so long it takes until a worker hears of a rebalance."""
    stop_limit: float = 25.0
    """Seconds after SIGTERM at which a worker ends, done or not; below an orchestrator's grace."""
    standstill: float = 120.0
    """Seconds without progress, though there is work, after which a worker ends."""
    fetch_wait: float = 0.5
    """Seconds a fetch may wait; milliseconds on the embedded broker, where a relay holds it."""
    linger: float = 0.0
    """Seconds a producer gathers a batch."""
    incarnation: str = ""
    """Names a run of the embedded broker; its state is never reused. Empty on lasting clusters."""

    models: Path = field(default_factory=lambda: cache_folder("models"))
    """Prepared base models and the sentence encoder."""
    base: str = ""
    """A folder, a GGUF file or NAME@REVISION on the hub; empty is the packaged base model."""
    languages: str = ""
    """Comma-separated codes of what the base model writes, or `any`; empty: what its card says."""
    adapters: Path = field(default_factory=lambda: cache_folder("adapters"))
    """Content-addressed adapter store."""
    library: str = ""
    """Comma-separated fsspec URLs of adapters, or none; `train` publishes to the first."""
    corpora: Path = field(default_factory=lambda: cache_folder("sent"))
    """What `train` keeps: texts sent to it, its jobs, and whose texts are in which adapter."""
    train_from: str = ""
    """Comma-separated tenants whose accepted and edited texts train adapters; `_`: the default."""
    training_hours: float = 12.0
    """Hours after which a training is ended."""
    state: Path = field(default_factory=lambda: cache_folder("state"))
    """Local state of the workers (tables)."""
    store: str = "rocksdb://"
    """Where tables live: `rocksdb://` or `memory://`."""

    device: str = "auto"
    """Where the base model computes: `cpu`, `cuda`, `cuda:N`; `auto`: a GPU where one is there."""
    threads: int = 0
    """Threads of a model process; 0 takes the number of cores."""
    rows: int = 16
    """Candidates that one generate worker writes at the same time."""
    drafts: int = 8
    """Texts written for a request, the best of them shown; fewer where others wait."""

    engine: str = "auto"
    """`auto`, `exact` (fp32), `fast` (integers, models built like Llama) or `openai` (servers)."""
    servers: str = ""
    """Comma-separated http://host:port of OpenAI-compatible servers, for the engine `openai`."""
    server_kind: str = "vllm"
    """How they name adapters: vllm, sglang, lorax or llamacpp."""
    server_model: str = ""
    """The base model's name on the servers; empty, what `base` says without its revision."""
    server_timeout: float = 60.0
    """Seconds that one answer may take."""
    adapter_cache_mb: int = 256
    """Megabytes of adapters kept in memory beside those in use."""
    prefix_cache_mb: int = 256
    """Megabytes of what prompts begin with, read once and kept."""

    policy: str = ""
    """A TOML file of what is declined, flagged or allowed (docs/safety.md); empty, GENRE's own."""
    prompt_bytes: int = 256 * 1024
    """Bytes of prompts that a user may send in a minute: 8 of the longest, or many short ones."""
    reply_prefixes: str = "replies."
    """Comma-separated prefixes that a client's `reply-to` topic must have."""
    health_port: int = 0
    """Port of `/health` on `health_bind`; 0 takes a free one."""
    health_bind: str = "127.0.0.1"
    gateway_host: str = "127.0.0.1"
    """Where the gateway listens; beyond loopback it needs keys."""
    gateway_port: int = 0
    """Its port; 0 takes a free one."""
    gateway_keys: str = ""
    """Its file of keys, which `genre keys create` prints; none are needed on loopback."""
    gateway_streams: int = 1000
    """Requests that may wait or stream there at the same time."""
    tenants: str = "1000"
    """How many tenants may teach, or a comma-separated list of those that are served."""
    exploration: bool = True
    """False is the kill switch: every decision is greedy."""
    evaluation_share: float = 0.1
    """Share of decisions, 0 to 1, whose top is drawn with exact propensities to judge policies."""
    learning_opt_in: bool = False
    """True: a user is learned from only after their consent; False: unless they refused."""
    log_level: str = "WARNING"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """Read `GENRE_*`. Raises NotReady (bad_setting) for a value that does not fit."""
        hints = get_type_hints(cls)
        variables = {each.name: _variable(each.name) for each in fields(cls)}
        given = {
            name: _parse(variable, environment[variable], hints[name])
            for name, variable in variables.items()
            if variable in environment
        }
        return cls(**given)

    def __post_init__(self) -> None:
        for name in (
            "partitions",
            "replication",
            "rows",
            "drafts",
            "prompt_bytes",
            "adapter_cache_mb",
            "prefix_cache_mb",
            "server_timeout",
            "training_hours",
            "session_timeout",
            "heartbeat",
            "standstill",
            "stop_limit",
            "gateway_streams",
        ):
            if not getattr(self, name) > 0:
                raise _unfit(name, "greater than 0", getattr(self, name))
        for name, allowed in _ALLOWED.items():
            if getattr(self, name) not in allowed:
                raise _unfit(name, f"one of {', '.join(allowed)}", getattr(self, name))
        if not 0 <= self.evaluation_share <= 1:
            raise _unfit("evaluation_share", "from 0 to 1", self.evaluation_share)
        if not _DEVICE.fullmatch(self.device):
            raise _unfit("device", "auto, cpu, cuda or cuda:N", self.device)
        listed = _listed(self.tenants)
        if not listed or not all(map(_TENANT.fullmatch, listed)):
            raise _unfit("tenants", "a number, or names of a-z, 0-9 and '-'", self.tenants)
        if not _LANGUAGES.fullmatch(self.languages.replace(" ", "")):
            expected = "codes of languages as 'en,de', or 'any'"
            raise _unfit("languages", expected, self.languages)
        if not _TOPIC_PREFIX.fullmatch(self.prefix):
            raise _unfit("prefix", "at most 100 letters, digits, '.', '_' and '-'", self.prefix)

    def environment(self) -> dict[str, str]:
        """The variables that give another process these settings."""
        return {_variable(each.name): str(getattr(self, each.name)) for each in fields(self)}

    @property
    def model_threads(self) -> int:
        """Threads of a model process."""
        return self.threads or os.cpu_count() or 1

    @property
    def reply_prefix_list(self) -> tuple[str, ...]:
        """The prefixes that a reply topic may have."""
        return _listed(self.reply_prefixes)

    @property
    def library_list(self) -> tuple[str, ...]:
        """The places that adapters may be fetched from."""
        return _listed(self.library)

    @property
    def policy_file(self) -> Path | None:
        """The tenants' policy, where there is one."""
        return Path(self.policy) if self.policy else None

    @property
    def server_list(self) -> tuple[str, ...]:
        """The servers of the engine `openai`."""
        return _listed(self.servers)

    @property
    def allowed_tenants(self) -> frozenset[str] | int:
        """The tenants that are served beside the default one, or how many may teach."""
        number = self.tenants.strip()
        return int(number) if number.isdecimal() else frozenset(_listed(self.tenants))

    def trains_from(self, tenant: str | None) -> bool:
        """Whether a tenant has opted in to training on what its users accept."""
        return (tenant or "_") in _listed(self.train_from)

    def topic(self, name: str) -> str:
        """The full name of a topic, consumer group or application: prefix and name."""
        return self.prefix + name

    @property
    def embedded(self) -> bool:
        """Whether the broker is one run of the embedded one."""
        return bool(self.incarnation)


def _listed(value: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in value.split(",") if part.strip())


def _variable(name: str) -> str:
    return f"GENRE_{name.upper()}"


def _unfit(name: str, expected: str, got: object) -> NotReady:
    return NotReady("bad_setting", f"Expected {_variable(name)} to be {expected}, got {got!r}.")


def _parse(name: str, value: str, kind: type) -> Any:
    if kind is bool:
        if value.lower() in _TRUE | _FALSE:
            return value.lower() in _TRUE
        raise NotReady("bad_setting", f"Expected {name} to be true or false, got {value!r}.")
    try:
        return Path(value).expanduser() if kind is Path else kind(value)
    except ValueError as error:
        raise NotReady(
            "bad_setting", f"Expected {name} to be a {kind.__name__}, got {value!r}."
        ) from error


def wait_passively() -> None:
    """Let OpenMP threads sleep at barriers; call before torch is imported.

    Spinning threads collapse up to ten-fold when another process takes one of the cores.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def has_desktop(environment: Mapping[str, str] = os.environ, platform: str = sys.platform) -> bool:
    """Whether a browser that is opened would be seen.

    >>> has_desktop({"DISPLAY": ":0"}, "linux"), has_desktop({}, "linux"), has_desktop({}, "darwin")
    (True, False, True)
    """
    return platform in ("darwin", "win32") or bool(environment.get("DISPLAY"))
