"""`genre classifier report`: what was asked for, and how well it was understood."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Annotated

import typer

from agents.commands.evaluate import consenting, deliveries, erased
from agents.commands.setup import moment, print_json, settings
from agents.commands.terminal import console, say
from agents.genres.registry import Registry
from genre_models.classification.report import Asked, Drift, Report, Shift, alike, report
from schemas.adapters import AdapterEvent
from schemas.classified import ClassifiedRequest
from schemas.corrections import Correction
from schemas.feedback import Feedback
from schemas.fields import Id
from schemas.keys import key_of
from schemas.users import UserCommand
from streams.clients.follower import take_all
from streams.clients.kafka import reach
from streams.settings import Settings
from streams.wire.topics import BY_EVENT
from streams.worker.delivery import Delivery

if TYPE_CHECKING:
    from rich.table import Table

cli = typer.Typer(help="Say what was asked for, and how well it was understood.")

_SHOWN = 15  # lines of a table


@cli.callback()
def classifier() -> None:
    """Say what was asked for, and how well it was understood."""


@dataclass(slots=True)
class Log:
    """What the topics hold of it."""

    asked: list[Asked] = field(default_factory=list)
    feedback: list[Feedback] = field(default_factory=list)
    corrections: dict[str, Correction] = field(default_factory=dict)
    alike: set[tuple[str, str]] = field(default_factory=set)

    def correct(self, key: str, event: Correction | None) -> None:
        """Take the newest record of a key: a follower's callback."""
        if event is None:
            self.corrections.pop(key, None)
        else:
            self.corrections[key] = event


@cli.command("report")
def reported(
    since: Annotated[
        str | None,
        typer.Option(help="Only what was asked or corrected then or later: ISO 8601, else UTC."),
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Print the result as one line of JSON.")
    ] = False,
) -> None:
    """Requests by genre, what was not understood, calibration and drift.

    Read from the topics, as long as they keep them; no text of a user is shown. Times are UTC;
    "(unknown)" is what no genre was sure enough for, or was corrected to what it was.
    """
    start = moment("--since", since) or 0.0
    log = asyncio.run(_log(settings()))
    found = report(
        (each for each in log.asked if each.received.timestamp() >= start),
        log.feedback,
        [each for each in log.corrections.values() if each.time.timestamp() >= start],
    )
    pairs = sorted(log.alike)
    print_json(asdict(found) | {"alike": pairs}) if json else show(found, pairs)


async def _log(given: Settings) -> Log:
    await reach(given)
    log, registry = Log(), Registry()
    commands = [
        (each.event, each.source.timestamp) async for each in deliveries(given, UserCommand)
    ]
    gone, allowed = erased(commands), consenting(commands, given.learning_opt_in)
    async for request in deliveries(given, ClassifiedRequest):
        if request.event.received.timestamp() > gone.get(key_of(request.event), 0.0):
            log.asked.append(Asked.of(request.event))
    async for reaction in deliveries(given, Feedback):
        user = key_of(reaction.event)
        if allowed(user) and reaction.happened.timestamp() > gone.get(user, 0.0):
            log.feedback.append(named(reaction))
    await take_all(given, BY_EVENT[Correction], log.correct)
    await take_all(given, BY_EVENT[AdapterEvent], registry.apply)
    for tenant in {None, *(each.tenant for each in registry.events())}:
        log.alike.update(alike(registry.taxonomy(tenant)))
    return log


def named(delivery: Delivery[Feedback]) -> Feedback:
    """The reaction with the id by which it is retracted."""
    reaction = delivery.event
    return replace(reaction, feedback_id=reaction.feedback_id or delivery.given_id(Id))


def show(found: Report, pairs: list[tuple[str, str]]) -> None:
    """Print the report for people, in 80 columns."""
    say(
        f"{found.requests} requests of {found.users} users"
        + (
            f", {found.first:%Y-%m-%d %H:%M} to {found.last:%Y-%m-%d %H:%M} UTC"
            if found.first
            else ""
        )
    )
    say(
        f"The classifier decided {found.judged}: of {_share(found.family_only, found.judged)} the "
        f"family only, {_share(found.unknown, found.judged)} unknown."
    )
    total = found.requests
    _counts("genre", found.genres, total)
    _counts("language", found.languages, total)
    _counts("declined", found.declined, total)
    _counts("flagged", found.flagged, total)
    _counts("failed", found.failed, total)
    if found.confusion:
        shown = _table("classified", "corrected to", "users")
        for each in found.confusion[:_SHOWN]:
            shown.add_row(each.classified, each.corrected, str(each.count))
        console().print(shown)
    if found.calibration:
        shown = _table("from", "reacted to", "sure of", "not corrected")
        for line in found.calibration:
            sure, right = f"{line.probability:.2f}", f"{line.uncorrected:.2f}"
            shown.add_row(f"{line.start:%Y-%m-%d %H:%M}", str(line.reacted), sure, right)
        console().print(shown)
    _show_drift(found.drift)
    for one, other in pairs:
        say(f"Nothing tells {one} from {other}: the same description, requests and texts.")


def _show_drift(drift: Drift | None) -> None:
    if drift is None:
        say("Drift: too few requests to compare, expected 40 or more.")
        return
    say(f"Drift: requests from {drift.boundary:%Y-%m-%d %H:%M} on against as many before")
    say(f"  genres {_distance(drift.genres)}")
    say(f"  meaning {_distance(drift.meaning)}")
    if drift.genres.is_drift:
        shown = _table("share of", "before", "now")
        for genre, (before, now) in drift.moved.items():
            shown.add_row(genre, f"{before:.1%}", f"{now:.1%}")
        console().print(shown)


def _distance(shift: Shift) -> str:
    told = "more than chance" if shift.is_drift else "no more than chance"
    return f"{shift.distance:.3f}, {told} (which stays below {shift.chance:.3f}; p {shift.p:.3f})"


def _counts(title: str, counts: Mapping[str, int], total: int) -> None:
    if not counts:
        return
    shown = _table(title, "requests", "share")
    for name, count in list(counts.items())[:_SHOWN]:
        shown.add_row(name, str(count), f"{count / total:.1%}")
    if rest := list(counts.values())[_SHOWN:]:
        shown.add_row(f"{len(rest)} others", str(sum(rest)), f"{sum(rest) / total:.1%}")
    console().print(shown)


def _table(*titles: str) -> Table:
    from rich.table import Table

    table = Table()
    for at, title in enumerate(titles):
        is_name = at == 0 or title == "corrected to"
        table.add_column(title, justify="left" if is_name else "right", overflow="fold")
    return table


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "0"
