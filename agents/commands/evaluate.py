"""`genre evaluate`: what another policy would have earned, or which side of an A/B test won."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, TypeVar

import orjson
import typer

from agents.commands.setup import print_json, settings
from agents.commands.terminal import console, say
from genre_models.evaluation.decision_log import Judged, by_user, judged
from genre_models.evaluation.off_policy import POLICIES, Estimate, Evaluation, compare
from genre_models.evaluation.off_policy import evaluate as evaluated
from genre_models.files import File, documents
from schemas.decisions import Decision
from schemas.errors import InvalidEvent, Rejected
from schemas.feedback import Feedback
from schemas.keys import user_key
from schemas.users import UserCommand
from streams.clients.kafka import reach
from streams.clients.reader import read
from streams.settings import Settings
from streams.wire.codecs import decode, parse
from streams.wire.times import is_misdated
from streams.wire.topics import BY_EVENT
from streams.worker.delivery import Delivery, opened

E = TypeVar("E")
Commands = Sequence[tuple[UserCommand, float]]


def evaluate(
    policy: Annotated[
        str, typer.Option(help=f"What should have decided: {', '.join(POLICIES)}.")
    ] = "greedy",
    against: Annotated[
        str | None,
        typer.Option(
            help="'A:B': compare by user what those earned whom A or B served, "
            "for instance thompson,igw:greedy."
        ),
    ] = None,
    decisions: Annotated[
        Path | None, typer.Option(help="Decisions as JSON lines, instead of the topic.")
    ] = None,
    feedback: Annotated[
        Path | None, typer.Option(help="Feedback as JSON lines, instead of the topic.")
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Print the result as one line of JSON.")
    ] = False,
) -> None:
    """Judge a policy by logged decisions and their reactions.

    Refuses (exit code 2) where they cannot tell.
    """
    if policy not in POLICIES:
        raise Rejected("unknown_policy", f"Expected one of {', '.join(POLICIES)}, got {policy!r}.")
    log = asyncio.run(_log(settings(), decisions, feedback))
    if against is not None:
        difference = compared(log, against)
        line = f"{against} difference {_interval(difference)}"
        print_json(asdict(difference)) if json else say(line)
        return
    found = evaluated([one.logged for one in log], POLICIES[policy])
    print_json({"policy": policy} | asdict(found)) if json else _show(policy, found)


def compared(log: Sequence[Judged], against: str) -> Estimate:
    """The A/B difference in reward, by user; users whom both served are left out."""
    left, _, right = against.partition(":")
    one, other = left.split(","), right.split(",")
    if not left or not right or set(one) & set(other):
        raise Rejected(
            "bad_comparison",
            f"Expected two different groups of policies as 'A:B', got {against!r}.",
        )
    return compare(by_user(log, one, other), by_user(log, other, one))


def _show(policy: str, found: Evaluation) -> None:
    """Print the estimates with their 95 % intervals."""
    from rich.table import Table

    title = (
        f"{policy}: {found.decisions} decisions of {found.users} users, "
        f"worth {found.effective:.0f} of its own"
    )
    shown = Table("estimator", "mean reward", title=title, title_justify="left")
    for name in ("ips", "snips", "dr"):
        shown.add_row(name.upper(), _interval(getattr(found, name)))
    console().print(shown)


def _interval(estimate: Estimate) -> str:
    return f"{estimate.mean:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"


async def _log(given: Settings, decisions: Path | None, feedback: Path | None) -> list[Judged]:
    if decisions is not None and feedback is not None:
        return judged(_lines(decisions, Decision), _lines(feedback, Feedback))
    await reach(given)
    commands = await _events(given, UserCommand)
    made = (
        _lines(decisions, Decision)
        if decisions
        else [each for each, _ in await _events(given, Decision)]
    )
    said = (
        _lines(feedback, Feedback)
        if feedback
        else [_timed(*each) for each in await _events(given, Feedback)]
    )
    allowed = consenting(commands, given.learning_opt_in)
    return judged(
        [each for each in made if allowed(user_key(each.user_id, each.tenant))],
        said,
        erased(commands),
    )


def erased(commands: Commands) -> dict[str, float]:
    """When users were erased, by their keys: seconds since the epoch."""
    return {
        user_key(each.user_id, each.tenant): each.time.timestamp() if each.time else moment
        for each, moment in commands
        if each.kind == "erase"
    }


def consenting(commands: Commands, opt_in: bool) -> Callable[[str], bool]:
    """Who may be learned from, by their last word: nothing is concluded from the others either."""
    said = {
        user_key(each.user_id, each.tenant): each.allowed
        for each, _ in commands
        if each.kind == "consent"
    }
    return lambda key: bool(said.get(key, not opt_in))


def _timed(reaction: Feedback, moment: float) -> Feedback:
    return replace(reaction, time=reaction.time or datetime.fromtimestamp(moment, UTC))


def _lines(file: Path, kind: type[E]) -> list[E]:
    """The events of a file, or of the records that `genre tail --json` prints.

    Raises InvalidEvent and Rejected, with the line.
    """
    given, found = File.read(file), []
    for note in given.notes:
        say(f"{file}: {note}", err=True)
    for line in documents(given):
        try:
            found.append(decode(_event(line.source), kind))
        except InvalidEvent as error:
            raise InvalidEvent(
                error.code, f"Line {line.line} of {given.name}: {error.message}"
            ) from error
    return found


def _event(line: str) -> bytes:
    record = parse(line.encode())
    printed = isinstance(record, dict) and {"topic", "offset", "value"} <= record.keys()
    return orjson.dumps(record["value"]) if printed else line.encode()


async def _events(given: Settings, kind: type[E]) -> list[tuple[E, float]]:
    """Every readable event of a topic with its record's time."""
    return [(each.event, each.source.timestamp) async for each in deliveries(given, kind)]


async def deliveries(given: Settings, kind: type[E]) -> AsyncGenerator[Delivery[E], None]:
    """What can be read of a topic; the roles have buried the rest.

    A record whose time cannot be true was published again, and stands here twice.
    """
    topic = BY_EVENT[kind]
    async for record in read(given, given.topic(topic.name)):
        delivery = opened(record, topic)
        if delivery.failure is None and not is_misdated(record, topic, time.time()):
            yield delivery
