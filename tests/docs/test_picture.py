"""The picture of the architecture: fresh, and with a place for whatever is added."""

from __future__ import annotations

import re
from dataclasses import replace

from docs.picture import LINES, PICTURE, draw
from streams.wire.roles import ROLES, Agent, Role, Timer
from streams.wire.topics import TOPICS, Topic

MADE_UP = Role(
    name="translate",
    agents=(Agent(name="interpret", reads="requests", writes=("sayings", "candidates")),),
    timers=(Timer(name="yawn", writes=("sayings",)),),
    follows=("adapters",),
    tables=("words",),
)


def words(picture: str) -> set[str]:
    return set(re.findall(r">([^<>]+)</text>", picture))


def names(roles: tuple[Role, ...], topics: tuple[Topic, ...]) -> set[str]:
    found = {topic.name for topic in topics} | {role.name for role in roles}
    for role in roles:
        found |= {agent.name for agent in role.agents} | {timer.name for timer in role.timers}
        found |= set(role.tables)
    return found


def test_the_checked_in_picture_is_fresh() -> None:
    drawn = draw(tuple(ROLES.values()), TOPICS)
    assert PICTURE.read_text("utf-8") == drawn, (
        "docs/architecture.svg is stale; run `python -m docs`"
    )
    assert set(LINES) <= {topic.name for topic in TOPICS}


def test_a_new_role_and_a_new_topic_have_a_place() -> None:
    roles = (*ROLES.values(), MADE_UP)
    topics = (*TOPICS, replace(TOPICS[0], name="sayings", written_by_clients=False))
    picture = draw(roles, topics)
    assert names(roles, topics) <= words(picture)
    width, height = (int(size) for size in re.findall(r'viewBox="0 0 (\d+) (\d+)"', picture)[0])
    for x, y in re.findall(r'<text x="(\d+)" y="(\d+)"', picture):
        assert 0 < int(x) < width and 0 < int(y) < height


def test_a_line_says_who_writes_who_reads_and_who_follows() -> None:
    picture = draw(tuple(ROLES.values()), TOPICS)

    def marks(topic: str) -> tuple[int, int, int]:
        """The dots, arrows and rings of a line."""
        line = next(part for part in picture.splitlines() if f">{topic}</text></g>" in part)
        return line.count('r="3"'), line.count("v9 z"), line.count('r="4"')

    assert marks("requests") == (2, 2, 0)  # by programs and the gateway, from both sides
    assert marks("users")[0] == 2
    assert marks("cancellations")[2] == 1
    assert marks("adapters")[2] == len(ROLES)
