"""Roles as data: what they name exists, every topic has a writer and a reader, every name one
meaning."""

from __future__ import annotations

from collections import Counter

import pytest

from schemas.errors import NotReady
from streams.wire.roles import ROLES, Agent, Role, first_reader
from streams.wire.topics import BY_NAME, TOPICS, changelog, declarations

EVERY = tuple(ROLES.values())
READ = {name for role in EVERY for name in (*role.reads, *role.follows)}
WRITTEN = {name for role in EVERY for name in role.writes}

# The end of the line: what clients wait for, watch, or evaluate.
READ_BY_CLIENTS = {"recommendations", "decisions", "preferences", "progress"}


@pytest.mark.parametrize("role", EVERY, ids=lambda role: role.name)
def test_every_topic_that_a_role_names_is_declared(role: Role) -> None:
    assert {*role.reads, *role.follows, *role.writes} <= set(BY_NAME)


def test_what_is_read_is_written_by_a_role_or_by_clients() -> None:
    assert WRITTEN | {topic.name for topic in TOPICS if topic.written_by_clients} >= READ


def test_what_is_written_is_read_by_a_role_or_by_clients() -> None:
    unread = WRITTEN - READ - READ_BY_CLIENTS
    assert unread == set(), "written for nobody; or add it to READ_BY_CLIENTS"


def test_no_topic_is_without_a_role() -> None:
    assert set(BY_NAME) == READ | WRITTEN


def test_what_every_worker_reads_as_a_whole_is_kept_or_short_lived() -> None:
    # A follower reads from the beginning at each start.
    followed = [BY_NAME[name] for role in EVERY for name in role.follows]
    assert all(topic.cleanup == "compact" or topic.retention_days < 1 for topic in followed)


def test_every_table_has_its_changelog() -> None:
    declared = {each.name for each in declarations("genre.")}
    for role in EVERY:
        assert {changelog("genre.", role.name, table) for table in role.tables} <= declared


def test_a_name_means_one_thing() -> None:
    names = Counter(agent.name for role in EVERY for agent in role.agents)
    names.update(timer.name for role in EVERY for timer in role.timers)
    assert max(names.values()) == 1
    for role in EVERY:
        # A second agent of a role on one topic would share its records with the first.
        assert len(set(role.reads)) == len(role.reads), role.name
        assert len(set(role.tables)) == len(role.tables), role.name


def test_what_is_not_declared_is_refused_with_what_is() -> None:
    role = Role(name="watch", agents=(Agent(name="see", reads="requests", writes=("progress",)),))
    with pytest.raises(NotReady, match="the role watch to run see, got rank") as caught:
        role.agent("rank")
    assert caught.value.code == "undeclared"
    with pytest.raises(NotReady, match="to run nothing, got deadlines"):
        role.timer("deadlines")
    with pytest.raises(NotReady, match="to write progress, got decisions"):
        role.check("write", "decisions", role.writes)


def test_one_role_vouches_for_the_records_of_a_topic() -> None:
    assert first_reader("users") == "recommend"
    assert {first_reader(topic) for role in EVERY for topic in role.reads} <= ROLES.keys()
    assert first_reader("recommendations") is None
