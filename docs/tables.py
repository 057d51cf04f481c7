"""The tables of ARCHITECTURE.md that follow from the roles and the topics, and that of commands.

What the code does not know, the key of a topic that is not its user's and the models of a role, is
kept as it stands in the page; a new row has `?` there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from agents.main import COMMANDS
from streams.wire.roles import ROLES, Role
from streams.wire.topics import TOPICS, Topic

PAGE = Path(__file__).parents[1] / "ARCHITECTURE.md"
COMMANDS_PAGE = Path(__file__).parent / "commands.md"

Row = list[str]
Known = Mapping[str, Row]
"""The rows of a table as they stand in the page, by their first cell."""


def renewed(page: str) -> str:
    """The page with the rows of its tables of topics and of roles as the code has them."""
    topics, roles = TOPICS, ROLES.values()
    page = _replaced(page, "Topics", lambda known: [_of_topic(each, known) for each in topics])
    return _replaced(page, "Roles", lambda known: [_of_role(each, known) for each in roles])


def with_commands(page: str) -> str:
    """The page with a row for every command of `genre`."""
    rows = [[f"`genre {name}`", told] for name, told in COMMANDS.items()]
    return _replaced(page, "All commands", lambda _: rows)


def _replaced(page: str, heading: str, made: Callable[[Known], list[Row]]) -> str:
    """The page with other rows in the first table below a heading."""
    before, title, rest = page.partition(f"\n## {heading}\n")
    lines = rest.splitlines(keepends=True)
    is_row = [line.startswith("|") for line in lines]
    first = is_row.index(True) + 2
    end = is_row.index(False, first)
    known = {row[0]: row for row in map(_cells, lines[first:end])}
    rows = [f"| {' | '.join(row)} |\n" for row in made(known)]
    return before + title + "".join([*lines[:first], *rows, *lines[end:]])


def _cells(line: str) -> Row:
    return [cell.strip() for cell in line.strip().strip("|").split(" | ")]


def _of_topic(topic: Topic, known: Known) -> Row:
    key = "user" if topic.keyed_by_user else known.get(topic.name, ["", "?"])[1]
    names = _listed(_writers(topic)), _listed(_readers(topic))
    return [topic.name, key, topic.event.__name__, _kept(topic), *names]


def _of_role(role: Role, known: Known) -> Row:
    names = [_listed(each.name for each in group) for group in (role.agents, role.timers)]
    models = known.get(role.name, ["?"])[-1]
    return [role.name, *names, _listed(role.follows), _listed(role.tables), models]


def _kept(topic: Topic) -> str:
    if topic.cleanup == "compact":
        return "compacted"
    days = topic.retention_days
    return f"{days} days" if days >= 1 else f"{days * 24:.0f} hours"


def _writers(topic: Topic) -> Iterator[str]:
    if topic.written_by_clients:
        yield "clients"
    for role in ROLES.values():
        yield from (agent.name for agent in role.agents if topic.name in agent.writes)
        yield from (timer.name for timer in role.timers if topic.name in timer.writes)
        if topic.name in role.relays:
            yield role.name


def _readers(topic: Topic) -> Iterator[str]:
    for role in ROLES.values():
        yield from (agent.name for agent in role.agents if topic.name == agent.reads)
    yield from (role.name for role in ROLES.values() if topic.name in role.shows)
    following = [role.name for role in ROLES.values() if topic.name in role.follows]
    if following:
        yield f"every worker of {', '.join(following)}"
    elif all(topic.name not in role.reads for role in ROLES.values()):
        yield "clients"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
