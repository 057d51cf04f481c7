"""Compose file and image, as far as they can be checked without Docker: parsed, linted, and their
commands run."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from agents.main import cli
from agents.supervisor import RoleProcess, stop, until_ready
from streams.clients.embedded_broker import EmbeddedBroker, free_port
from streams.clients.topic_admin import check, create
from streams.settings import Settings
from streams.wire.roles import ROLES

ROOT = Path(__file__).parents[1]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if "build" in service}
DOCKERFILE = (ROOT / "Dockerfile").read_text()
VARIABLES = set(Settings().environment())

# Name of an instruction and its arguments, continuation lines joined, comments dropped.
INSTRUCTIONS = re.findall(
    r"^([A-Z]+) (.*)$", re.sub(r"^#.*\n|\\\n", "", DOCKERFILE, flags=re.MULTILINE), re.MULTILINE
)


def image_environment() -> dict[str, str]:
    """The variables that the image sets for its workers."""
    last = [arguments for name, arguments in INSTRUCTIONS if name == "ENV"][-1]
    return dict(pair.split("=", 1) for pair in last.split())


def test_one_service_a_role_from_one_image() -> None:
    commands = [service["command"] for service in OURS.values()]
    assert sorted(command[1] for command in commands if command[0] == "worker") == sorted(ROLES)
    assert len({(service["image"], service["build"]) for service in OURS.values()}) == 1
    for role in ROLES:
        assert SERVICES[role]["command"] == ["worker", role]


@pytest.mark.parametrize("name", OURS)
def test_every_command_is_one_that_the_command_line_takes(name: str) -> None:
    arguments = [argument for argument in SERVICES[name]["command"] if argument != "--help"]
    result = CliRunner().invoke(cli, [*arguments, "--help"])
    assert result.exit_code == 0, result.output
    assert "Usage:" in result.output and " ".join(arguments[:1]) in result.output


@pytest.mark.parametrize("name", OURS)
def test_every_variable_is_a_setting_and_its_value_fits(name: str) -> None:
    environment = SERVICES[name]["environment"]
    assert set(environment) <= VARIABLES
    assert all(isinstance(value, str) for value in environment.values()), (
        "YAML must not guess what a value is"
    )
    settings = Settings.from_environment(image_environment() | environment)
    assert settings.brokers == "kafka:19092"
    assert settings.health_port == 8080


@pytest.mark.parametrize("name", OURS)
def test_our_containers_may_do_little(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] and service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert not service.get("privileged") and "user" not in service
    # Beyond this machine nobody is let in without being asked.
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_has_a_memory_limit_and_a_word_about_restarts_and_health(name: str) -> None:
    service = SERVICES[name]
    assert re.fullmatch(r"\d+[mg]", service["mem_limit"])
    if "profiles" in service:
        return
    one_shot = name == "topics"
    assert service["restart"] == ("no" if one_shot else "unless-stopped")
    assert bool(service.get("healthcheck", {}).get("disable")) == one_shot


@pytest.mark.parametrize("role", ROLES)
def test_a_worker_is_not_killed_before_it_has_stopped(role: str) -> None:
    grace = float(SERVICES[role]["stop_grace_period"].removesuffix("s"))
    environment = image_environment() | SERVICES[role]["environment"]
    assert grace > Settings.from_environment(environment).stop_limit


def test_workers_wait_for_topics_and_topics_for_kafka() -> None:
    assert SERVICES["topics"]["depends_on"] == {"kafka": {"condition": "service_healthy"}}
    for role in ROLES:
        assert SERVICES[role]["depends_on"] == {
            "topics": {"condition": "service_completed_successfully"}
        }


def test_workers_can_write_where_they_must() -> None:
    environment = image_environment()
    for role in ROLES:
        targets = {volume.rpartition(":")[2] for volume in SERVICES[role]["volumes"]}
        assert environment["GENRE_STATE"] in targets
    assert f"adapters:{environment['GENRE_ADAPTERS']}" in SERVICES["generate"]["volumes"]
    for folder in (environment["GENRE_STATE"], environment["GENRE_ADAPTERS"]):
        assert folder in next(
            arguments
            for name, arguments in INSTRUCTIONS
            if name == "RUN" and "useradd" in arguments
        )


def test_named_volumes_are_declared() -> None:
    used = {
        volume.partition(":")[0]
        for service in SERVICES.values()
        for volume in service.get("volumes", [])
    }
    assert {name for name in used if not name.startswith(("/", "./"))} == set(COMPOSE["volumes"])


def test_kafka_is_one_kraft_node_that_keeps_its_data() -> None:
    kafka = SERVICES["kafka"]
    environment = kafka["environment"]
    assert kafka["image"].startswith("apache/kafka:") and not kafka["image"].endswith("latest")
    assert environment["KAFKA_PROCESS_ROLES"] == "broker,controller"
    assert environment["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"
    assert f"kafka:{environment['KAFKA_LOG_DIRS']}" in kafka["volumes"]
    assert "zookeeper" not in str(COMPOSE).lower()
    listeners = dict(
        listener.split("://") for listener in environment["KAFKA_LISTENERS"].split(",")
    )
    protocols = dict(
        pair.split(":") for pair in environment["KAFKA_LISTENER_SECURITY_PROTOCOL_MAP"].split(",")
    )
    advertised = dict(
        pair.split("://") for pair in environment["KAFKA_ADVERTISED_LISTENERS"].split(",")
    )
    assert (
        set(listeners)
        == set(protocols)
        == set(advertised) | {environment["KAFKA_CONTROLLER_LISTENER_NAMES"]}
    )
    assert advertised["PLAINTEXT"] == OURS["topics"]["environment"]["GENRE_BROKERS"]
    # The host's port is open to this machine alone: this Kafka asks for no password.
    assert kafka["ports"] == ["127.0.0.1:9092:9092"] and listeners["HOST"] == ":9092"


def test_the_image_runs_as_a_user_without_rights() -> None:
    stages = [number for number, (name, _) in enumerate(INSTRUCTIONS) if name == "FROM"]
    users = [arguments for name, arguments in INSTRUCTIONS[stages[-1] :] if name == "USER"]
    assert users and users[-1].isdigit() and int(users[-1]) >= 1000


def test_the_image_is_made_from_pinned_parts_without_secrets() -> None:
    bases = [arguments for name, arguments in INSTRUCTIONS if name == "FROM"]
    assert all(base.startswith("python:3.11-slim") for base in bases)
    assert "-c constraints.txt" in DOCKERFILE and "genre_models.weights" in DOCKERFILE
    assert "/health" in next(arguments for name, arguments in INSTRUCTIONS if name == "HEALTHCHECK")
    assert not re.search(
        r"password|secret_|token|index-url",
        "".join(f"{a}\n" for _, a in INSTRUCTIONS),
        re.IGNORECASE,
    )
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in ignored
    assert {line[1:] for line in ignored if line.startswith("!")} >= {
        "agents",
        "genre_models",
        "schemas",
        "streams",
    }


def test_what_the_image_copies_is_there_and_not_ignored() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    allowed = {line[1:] for line in ignored if line.startswith("!")}
    for name, arguments in INSTRUCTIONS:
        if name == "COPY" and not arguments.startswith("--from"):
            for source in arguments.split()[:-1]:
                assert (ROOT / source).exists(), source
                assert source == "." or source.partition("/")[0] in allowed, source


def test_the_linter_finds_nothing() -> None:
    linter = Path(sys.executable).with_name("hadolint")
    if not linter.exists():
        pytest.skip("hadolint is installed on Linux on x86-64 only")
    linted = subprocess.run(
        [linter, "--no-color", ROOT / "Dockerfile"], capture_output=True, text=True, timeout=60
    )
    assert (linted.returncode, linted.stdout) == (0, "")


def test_the_models_are_made_from_the_few_files_that_are_copied_for_it(tmp_path: Path) -> None:
    making = next(
        at for at, (_, words) in enumerate(INSTRUCTIONS) if "genre_models.weights" in words
    )
    copied = [words.split()[:-1] for name, words in INSTRUCTIONS[:making] if name == "COPY"]
    for source in (name for names in copied for name in names):
        (tmp_path / source).parent.mkdir(exist_ok=True)
        copy = shutil.copytree if (ROOT / source).is_dir() else shutil.copy
        copy(ROOT / source, tmp_path / source)
    command = [sys.executable, "-m", "genre_models.weights", "--help"]
    asked = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert asked.returncode == 0, asked.stderr


def megabytes(limit: str) -> int:
    """A memory limit of the compose file."""
    return int(limit[:-1]) * {"m": 1, "g": 1024}[limit[-1]]


def environment_of(service: str, settings: Settings) -> dict[str, str]:
    """The environment of a service with this broker in the place of its Kafka."""
    broker = replace(settings, partitions=int(SERVICES[service]["environment"]["GENRE_PARTITIONS"]))
    return os.environ | SERVICES[service]["environment"] | broker.environment()


def start(role: str, settings: Settings, environment: dict[str, str], log: Path) -> RoleProcess:
    """Start a worker by the exact command of its service."""
    command = [sys.executable, "-m", "agents.main", *SERVICES[role]["command"]]
    with log.open("wb") as output:
        return RoleProcess(
            role,
            settings,
            log,
            subprocess.Popen(command, env=environment, stdout=output, stderr=output),
        )


async def test_the_topics_service_does_its_work_against_a_broker(broker: EmbeddedBroker) -> None:
    settings = replace(broker.settings, prefix="composed.", partitions=4)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "agents.main", *SERVICES["topics"]["command"]),
        env=environment_of("topics", settings),
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0
    assert "composed.requests" in output.decode().splitlines()
    assert await check(settings) == []


@pytest.mark.slow
async def test_the_commands_of_the_workers_become_ready(
    broker: EmbeddedBroker, fitted: Path, tmp_path: Path
) -> None:
    shared = replace(
        broker.settings,
        prefix="composed.",
        partitions=4,
        threads=1,
        models=fitted,
        adapters=tmp_path / "adapters",
    )
    await create(shared)
    workers = []
    for role in ROLES:
        own = replace(shared, health_port=free_port(), state=tmp_path / role)
        workers.append(start(role, own, environment_of(role, own), tmp_path / f"{role}.log"))
    try:
        states = await asyncio.gather(*(until_ready(worker, within=240) for worker in workers))
        assert [(state["role"], state["ready"]) for state in states] == [
            (role, True) for role in ROLES
        ]
        for state in states:
            # Half is left for what a busy worker needs more than an idle one.
            assert state["rss_mb"] < megabytes(SERVICES[state["role"]]["mem_limit"]) / 2, state
    finally:
        await stop([worker.process for worker in workers], within=30.0)
