"""What the pages say about the code is true, and prose is wrapped."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from streams.wire.roles import ROLES, Role
from streams.wire.topics import TOPICS, Topic

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
WIDTH = 100


def table(heading: str) -> list[list[str]]:
    """The rows of the first table under a heading, as cells."""
    section = ARCHITECTURE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def listed(names: Iterable[str]) -> str:
    return ", ".join(names)


def kept(topic: Topic) -> str:
    if topic.cleanup == "compact":
        return "compacted"
    days = topic.retention_days
    return f"{days} days" if days >= 1 else f"{days * 24:.0f} hours"


def writers(topic: Topic) -> Iterator[str]:
    if topic.written_by_clients:
        yield "clients"
    for role in ROLES.values():
        yield from (agent.name for agent in role.agents if topic.name in agent.writes)
        yield from (timer.name for timer in role.timers if topic.name in timer.writes)


def readers(topic: Topic) -> Iterator[str]:
    for role in ROLES.values():
        yield from (agent.name for agent in role.agents if topic.name == agent.reads)
    following = [role.name for role in ROLES.values() if topic.name in role.follows]
    if following:
        yield f"every worker of {', '.join(following)}"
    elif all(topic.name not in role.reads for role in ROLES.values()):
        yield "clients"


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_the_table_of_topics_is_true(topic: Topic) -> None:
    row = next((row for row in table("Topics") if row[0] == topic.name), None)
    key = "user" if topic.keyed_by_user else row[1] if row else "?"
    expected = [topic.name, key, topic.event.__name__, kept(topic)]
    expected += [listed(writers(topic)), listed(readers(topic))]
    assert row == expected, f"ARCHITECTURE.md needs the row | {' | '.join(expected)} |"


@pytest.mark.parametrize("role", ROLES.values(), ids=ROLES)
def test_the_table_of_roles_is_true(role: Role) -> None:
    row = next((row for row in table("Roles") if row[0] == role.name), None)
    expected = [
        role.name,
        listed(agent.name for agent in role.agents),
        listed(timer.name for timer in role.timers),
        listed(role.follows),
        listed(role.tables),
    ]
    assert row is not None and row[:-1] == expected, (
        f"ARCHITECTURE.md needs the row | {' | '.join(expected)} | its models |"
    )


def test_what_the_tables_name_is_all_there_is() -> None:
    assert [row[0] for row in table("Topics")] == [topic.name for topic in TOPICS]
    assert [row[0] for row in table("Roles")] == list(ROLES)


def test_every_path_in_the_architecture_exists() -> None:
    folders = "schemas|genre_models|streams|agents|tests|benchmarks|examples|docs"
    named = re.findall(rf"[`(]((?:{folders})/[^`)<\s]*)[`)]", ARCHITECTURE)
    assert named and [path for path in named if not (ROOT / path).exists()] == []


def test_names_stand_in_the_files_that_the_architecture_says() -> None:
    stated = re.findall(r"`(\w+)`(?: and `(\w+)`)? in `([\w/.]+)`", ARCHITECTURE)
    assert stated
    for first, second, path in stated:
        source = (ROOT / path).read_text("utf-8")
        assert first in source and second in source, f"{first} {second}: not in {path}"


@pytest.mark.parametrize("row", table("The models' interfaces"), ids=lambda row: row[0])
def test_interfaces_are_as_the_architecture_says(row: list[str]) -> None:
    place = ROOT / row[1].strip("`")
    files = place.glob("*.py") if place.is_dir() else [place]
    source = "".join(file.read_text("utf-8") for file in files)
    words = re.findall(r"[A-Za-z]\w+", row[0])
    assert [word for word in words if not re.search(rf"\b{word}\b", source)] == []


def prose(page: Path) -> Iterator[tuple[int, str]]:
    """The numbered lines of a page that are neither code nor tables; links without addresses."""
    fenced = False
    for number, line in enumerate(page.read_text("utf-8").splitlines(), 1):
        if line.startswith("```"):
            fenced = not fenced
        elif not fenced and not line.startswith(("|", "    ")):
            yield number, re.sub(r"\]\([^)]*\)", "]", line)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_prose_wraps(page: Path) -> None:
    long = [f"{page.name}:{number}" for number, line in prose(page) if len(line) > WIDTH]
    assert long == [], f"longer than {WIDTH} columns"
