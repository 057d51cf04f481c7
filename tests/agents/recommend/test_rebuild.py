"""Replaying the topics gives the rows that the running system has: sums, signals, drift alarms,
settings."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from agents.genres.registry import Registry
from agents.main import cli
from agents.recommend.rebuild import Log, Rebuild, differing
from agents.recommend.rights import obey
from genre_models.preferences.row import UserRow
from schemas.decisions import DecidedCandidate, Decision
from schemas.feedback import Feedback
from schemas.recommendations import RankedCandidate, Recommendation
from schemas.users import UserCommand
from streams.wire.headers import REKEYED
from streams.wire.partitions import home_of
from streams.wire.source import Source
from streams.wire.topics import BY_EVENT
from streams.worker.delivery import opened
from tests.agents.deliveries import NOW, delivered
from tests.agents.recommend.conftest import Desk
from tests.agents.recommend.conftest import desk as new_desk
from tests.genre_models.preferences.reactions import random_shown

USERS = ("ada", "bea", "cid", "dan")
PARTITIONS = 2
REGISTRY = Registry()
WRONG = (NOW + 7200, NOW + 1e9, 5e15, 0.0, -0.001)
"""Times of records that are not believed, some of which will have come some day."""


@dataclass(slots=True)
class System:
    """A running recommend role, and what stands in its topics."""

    desk: Desk = field(default_factory=new_desk)
    records: dict[type, list[Source]] = field(default_factory=dict)
    clock: Iterator[int] = field(default_factory=count)

    def send(self, event: object) -> Source:
        """Put an event on its topic."""
        topic = BY_EVENT[type(event)]
        partition = home_of(topic.key(event), PARTITIONS)
        known = self.records.setdefault(type(event), [])
        offset = sum(one.partition == partition for one in known)
        source = delivered(event, offset, time=NOW + next(self.clock)).source
        known.append(replace(source, partition=partition))
        return known[-1]

    def misdate(self, event: Feedback | UserCommand, timestamp: float) -> None:
        """Send it with a wrong clock; the role's inbox publishes it again, and applies that."""
        known = self.records.setdefault(type(event), [])
        self.send(event)
        known[-1] = wrong = replace(known[-1], timestamp=timestamp)
        headers = (("ce_id", wrong.derived_id.encode()), (REKEYED, str(wrong).encode()))
        self.send(event)
        known[-1] = replace(known[-1], headers=headers)
        self._apply(known[-1], type(event))

    def take(self, event: Feedback | UserCommand) -> None:
        """Send it, and let the role apply it."""
        self._apply(self.send(event), type(event))

    def _apply(self, source: Source, kind: type) -> None:
        delivery = opened(source, BY_EVENT[kind])
        with delivery:
            if kind is UserCommand:
                obey(self.desk.ledger, delivery)
            else:
                self.desk.learner.learn_one(delivery)

    def show(self, user: str, number: int) -> None:
        """Answer a request with three texts."""
        made, answer = _shown(user, number)
        self.send(made)
        self.send(answer)
        running = rebuilding()
        running.ledger = self.desk.ledger
        running.replay(Log(decisions=[self.records[Decision][-1]],
                           recommendations=[self.records[Recommendation][-1]],
                           feedback=[], users=[]))  # fmt: skip

    def log(self, dice: random.Random | None = None) -> Log:
        """The topics; the partitions read in an interleaving of `dice`."""
        kinds = (Decision, Recommendation, Feedback, UserCommand)
        decisions, recommendations, feedback, users = (
            interleaved(self.records.get(kind, []), dice or random.Random(0)) for kind in kinds
        )
        return Log(
            decisions=decisions, recommendations=recommendations, feedback=feedback, users=users
        )

    @property
    def rows(self) -> dict[str, UserRow]:
        return {
            user: self.desk.ledger.user(user)
            for user in USERS
            if user.encode() in self.desk.ledger.users
        }


def interleaved(records: list[Source], dice: random.Random) -> list[Source]:
    """One of the orders in which a reader may see the partitions: each in its own order."""
    waiting = [
        [one for one in records if one.partition == partition] for partition in range(PARTITIONS)
    ]
    found = []
    while any(waiting):
        found.append(dice.choice([each for each in waiting if each]).pop(0))
    return found


def rebuilding(start: dict[bytes, bytes] | None = None) -> Rebuild:
    ledger = replace(new_desk().ledger, users=dict(start or {}))
    return Rebuild(ledger=ledger, registry=REGISTRY, partitions=PARTITIONS, now=NOW + 1000)


def _shown(user: str, number: int) -> tuple[Decision, Recommendation]:
    request, features = f"r{number}", random_shown(number).features
    candidates = tuple(
        DecidedCandidate(index=k, position=k, arm_propensity=0.5, propensity=0.4, score=0.6,
                         features=features[k].tobytes())
        for k in range(3)
    )  # fmt: skip
    texts = tuple(
        RankedCandidate(candidate_id=f"{request}/{k}", text=f"Text {k} of {number}.", score=0.6,
                        propensity=0.4, finish="stop")
        for k in range(3)
    )  # fmt: skip
    made = Decision(request_id=request, user_id=user,
                    time=delivered(UserCommand(user_id=user, kind="erase")).received,
                    policy="igw", seed=1, features_version=1, candidates=candidates)  # fmt: skip
    return made, Recommendation(request_id=request, user_id=user, status="ok", candidates=texts)


@st.composite
def lives(draw: st.DrawFn) -> System:
    """Some users' reactions and commands; much is liked at first and disliked later, so that tastes
    seem to change."""
    system = System()
    for number in range(draw(st.integers(4, 14))):
        system.show(draw(st.sampled_from(USERS[:1] + USERS)), number)
    shown = [opened(one, BY_EVENT[Decision]).event for one in system.records[Decision]]
    length = draw(st.integers(5, 40))
    for number in range(length):
        made = draw(st.sampled_from(shown))
        verdict = "like" if number < length / 2 else "dislike"
        kind = draw(st.sampled_from([verdict] * 8 + ["accept", "edit", "dwell", "retract",
                                                     "regenerate", "consent", "erase",
                                                     "history"]))  # fmt: skip
        event = _event(draw, made, kind, number)
        if draw(st.integers(0, 9)):
            system.take(event)
        else:
            system.misdate(event, draw(st.sampled_from(WRONG)))
    return system


def _event(draw: st.DrawFn, made: Decision, kind: str, number: int) -> Feedback | UserCommand:
    user, request = made.user_id, made.request_id
    if kind == "erase":
        return UserCommand(user_id=user, kind="erase")
    if kind == "consent":
        return UserCommand(user_id=user, kind="consent", allowed=draw(st.booleans()))
    candidate = (
        f"{request}/{draw(st.integers(0, 2))}"
        if kind not in ("retract", "regenerate", "history")
        else None
    )
    return Feedback(
        user_id=user,
        kind=kind,  # type: ignore[arg-type]
        request_id=None if kind == "history" else request,
        candidate_id=candidate,
        feedback_id=f"f{number}",
        text="Another text." if kind == "edit" else None,
        genre="joke" if kind == "history" else None,
        value={"dwell": 2.0, "history": 0.7}.get(kind),
        retracts=f"f{draw(st.integers(0, max(0, number - 1)))}" if kind == "retract" else None,
    )


@settings(max_examples=40, deadline=None)
@given(lives(), st.randoms(), st.sampled_from([NOW + 1000, NOW + 2e9]))
def test_a_replay_gives_the_rows_of_the_running_system_however_partitions_interleave(
    system: System, dice: random.Random, now: float
) -> None:
    again = rebuilding()
    again.now = now
    again.replay(system.log(dice))
    assert differing(again.remembered(), system.rows) == []


@pytest.mark.parametrize(("ce_id", "kind"), [("another", "like"), (None, "dislike")])
def test_a_record_that_only_says_that_it_is_a_copy_takes_nothing_away(
    ce_id: str | None, kind: str
) -> None:
    system = System()
    system.show("ada", 1)
    like = Feedback(user_id="ada", kind="like", request_id="r1", candidate_id="r1/0")
    system.take(like)
    (source,) = system.records[Feedback]
    said = (("ce_id", (ce_id or source.derived_id).encode()), (REKEYED, str(source).encode()))
    system.send(replace(like, kind=kind))  # type: ignore[arg-type]
    records = system.records[Feedback]
    records[-1] = replace(records[-1], headers=said, timestamp=NOW - 7200)
    system._apply(records[-1], Feedback)
    again = rebuilding()
    again.replay(system.log())
    assert again.counts["misdated"] == 0 and again.counts["replayed"] == 2
    assert differing(again.remembered(), system.rows) == []


def test_a_record_of_the_future_that_nobody_has_read_yet_is_left_out() -> None:
    system = System()
    system.show("ada", 1)
    like = Feedback(user_id="ada", kind="like", request_id="r1", candidate_id="r1/0")
    records = system.records.setdefault(Feedback, [])
    system.send(like)
    records[-1] = replace(records[-1], timestamp=NOW + 1e8)
    again = rebuilding()
    again.replay(system.log())
    assert again.counts["misdated"] == 1
    assert differing(again.remembered(), system.rows) == []


@settings(max_examples=40, deadline=None)
@given(lives(), st.integers(0, 30), st.randoms())
def test_so_does_a_replay_from_snapshots_where_the_log_was_cut(
    system: System, cut: int, dice: random.Random
) -> None:
    earlier = rebuilding()
    log = system.log()
    kept = NOW + cut + 28  # somewhere after the decisions
    feedback, users = (
        [one for one in records if one.timestamp < kept] for records in (log.feedback, log.users)
    )
    earlier.replay(replace(log, feedback=feedback, users=users))
    late = rebuilding(dict(earlier.ledger.users))
    late.replay(
        replace(
            system.log(dice), feedback=[one for one in log.feedback if one.timestamp >= kept - 4]
        )
    )
    assert differing(late.remembered(), system.rows) == []


@pytest.fixture(name="changed")
def _changed() -> System:
    """Ada liked the first twenty texts and disliked twenty more; bea liked one."""
    system = System()
    for number in range(41):
        user = "bea" if number == 40 else "ada"
        system.show(user, number)
        kind = "dislike" if 20 <= number < 40 else "like"
        system.take(
            Feedback(
                user_id=user,
                kind=kind,  # type: ignore[arg-type]
                request_id=f"r{number}",
                candidate_id=f"r{number}/0",
            )
        )
    return system


def test_drift_alarms_come_again_at_the_same_times_and_are_published(changed: System) -> None:
    again = rebuilding()
    again.replay(changed.log())
    alarms = changed.desk.ledger.user("ada").alarms
    assert alarms and again.remembered()["ada"].alarms == alarms
    published = changed.desk.profiles.profile("ada")
    assert tuple(each.timestamp() for each in published.changes) == alarms


def test_a_row_that_lost_or_doubled_a_reaction_is_told_by_its_user(changed: System) -> None:
    again = rebuilding()
    again.replay(changed.log())
    lost = changed.rows | {"bea": UserRow()}
    assert differing(again.remembered(), lost) == ["bea"]
    assert differing(again.remembered(), {"ada": changed.rows["ada"]}) == ["bea"]


def test_what_the_running_system_has_refused_or_not_reached_is_left_out(changed: System) -> None:
    last = changed.records[Feedback][-1]
    refused = rebuilding()
    refused.replay(
        replace(changed.log(), refused=frozenset({(last.topic, last.partition, last.offset)}))
    )
    behind = rebuilding()
    behind.is_due = lambda source, key: source != last
    behind.replay(changed.log())
    assert "bea" not in refused.remembered() and "bea" not in behind.remembered()
    assert (refused.counts["refused"], behind.counts["behind"]) == (1, 1)


def test_without_its_text_an_edit_is_left_out_and_counted_and_a_like_is_learned(
    changed: System,
) -> None:
    changed.take(
        Feedback(user_id="bea", kind="edit", request_id="r40", candidate_id="r40/1", text="Better.")
    )
    again = rebuilding()
    again.replay(replace(changed.log(), recommendations=[]))
    assert again.counts["text_gone"] == 1
    assert again.remembered()["bea"].reactions == 1


def test_the_tables_hold_what_feedback_needs_later(changed: System) -> None:
    again = rebuilding()
    again.replay(changed.log())
    tables = again.tables()
    assert len(tables["decisions"]) == 32 + 1
    partition, row = tables["preferences"][b"ada"]
    assert partition == home_of("ada", PARTITIONS)
    assert len(UserRow.unpack(row).decisions) == 32


def test_what_an_erased_user_was_shown_does_not_come_back_and_a_repeated_decision_counts_once(
    changed: System,
) -> None:
    changed.send(opened(changed.records[Decision][-1], BY_EVENT[Decision]).event)
    changed.take(UserCommand(user_id="ada", kind="erase"))
    again = rebuilding()
    again.replay(changed.log())
    tables = again.tables()
    assert [place.decode().split("/")[0] for place in tables["decisions"]] == ["bea"]
    assert UserRow.unpack(tables["preferences"][b"ada"][1]).decisions == ()


@pytest.mark.parametrize(("differing_users", "code"), [([], 0), (["ada"], 1)])
def test_the_exit_code_says_whether_users_differ(
    differing_users: list[str], code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def found(*_: object, **__: object) -> dict[str, object]:
        return {
            "users": 2,
            "from": "beginning",
            "replayed": 9,
            "differing": differing_users,
            "changes": {"ada": [7]},
        }

    monkeypatch.setattr("agents.commands.rebuild.rebuilt", found)
    result = CliRunner().invoke(cli, ["rebuild", "--check"])
    assert result.exit_code == code
    assert result.stdout == f"users 2, from beginning, replayed 9, differing {differing_users}\n"
