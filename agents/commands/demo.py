"""The demonstration of `make run`: three users ask, react as their tastes are, and ask again."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from rich.console import Console
from rich.table import Table

from agents.commands.profile import newest
from schemas.feedback import Feedback
from schemas.preferences import PreferenceProfile
from schemas.recommendations import RankedCandidate, Recommendation
from schemas.requests import GenerationRequest
from streams.clients.client import Client
from streams.settings import Settings

# One request that leaves the genre open between a joke and a poem, so that taste decides.
OPEN = "Cheer me up with a few lines about rainy Mondays."
_SHORT = 22  # words

Taste = Callable[[RankedCandidate], bool]


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody who asks for something particular and for something open, and whose taste is
    simple."""

    user: str
    asks: str
    taste: str
    likes: Taste


VISITORS = (
    Visitor(
        "ada",
        "Define the word 'meeting' as a cynic would.",
        "likes humour",
        lambda it: it.family == "humour",
    ),
    Visitor(
        "ben",
        "Describe a light rain jacket for our web shop.",
        "likes verse",
        lambda it: it.family == "verse",
    ),
    Visitor(
        "cleo",
        "A few lines of a political speech about honest work.",
        f"likes whatever has at most {_SHORT} words",
        lambda it: len(it.text.split()) <= _SHORT,
    ),
)


async def run(settings: Settings, console: Console) -> None:
    """Ask six requests, react, ask the open one again, and show what changed and why."""
    async with Client(settings) as client:
        console.print(
            "\n[bold]Six requests from three users[/bold] (a small model on this machine's "
            "processor: some seconds)"
        )
        asked = [(visitor, prompt) for visitor in VISITORS for prompt in (visitor.asks, OPEN)]
        answers = await asyncio.gather(
            *(_ask(client, visitor, prompt) for visitor, prompt in asked)
        )
        console.print(_texts(list(zip(asked, answers, strict=True))))
        before = {
            visitor.user: answer
            for (visitor, prompt), answer in zip(asked, answers, strict=True)
            if prompt == OPEN
        }
        profiles = {visitor.user: await newest(settings, visitor.user) for visitor in VISITORS}
        console.print(
            "\n[bold]They react[/bold]: "
            + "; ".join(f"{each.user} {each.taste}" for each in VISITORS)
        )
        reactions = [
            _reaction(visitor, each)
            for visitor in VISITORS
            for each in before[visitor.user].candidates
        ]
        for reaction in reactions:
            await client.rate(reaction)
        await _learned(settings, {reaction.user_id for reaction in reactions})
        console.print(f"\n[bold]The same request again[/bold]: {OPEN}")
        after = {visitor.user: await _ask(client, visitor, OPEN) for visitor in VISITORS}
        console.print(await _changes(settings, before, after, profiles))


async def _ask(client: Client, visitor: Visitor, prompt: str) -> Recommendation:
    deadline = datetime.now(UTC) + timedelta(minutes=5)
    return await client.ask(
        GenerationRequest(user_id=visitor.user, prompt=prompt, max_tokens=48, deadline=deadline),
        within=360,
    )


def _reaction(visitor: Visitor, candidate: RankedCandidate) -> Feedback:
    return Feedback(
        user_id=visitor.user,
        kind="like" if visitor.likes(candidate) else "dislike",
        request_id=candidate.candidate_id.rpartition("/")[0],
        candidate_id=candidate.candidate_id,
    )


async def _learned(settings: Settings, users: set[str]) -> None:
    """Profiles are published once a second; wait until everyone who reacted has one that holds all
    reactions."""
    async with asyncio.timeout(30):
        while not all([await newest(settings, user) for user in users]):
            await asyncio.sleep(0.5)
    await asyncio.sleep(1.2)


def _texts(answers: list[tuple[tuple[Visitor, str], Recommendation]]) -> Table:
    shown = Table("user and request", "best text", "genre", "why", show_lines=True)
    for (visitor, prompt), answer in answers:
        for place, each in enumerate(answer.candidates[:2]):
            who = f"[bold]{visitor.user}[/bold]: {prompt}" if place == 0 else ""
            shown.add_row(who, _plain(each.text), _named(each), _plain(each.why))
        if not answer.candidates:
            shown.add_row(
                f"[bold]{visitor.user}[/bold]: {prompt}",
                f"{answer.status}: {answer.message}",
                "",
                "",
            )
    return shown


async def _changes(
    settings: Settings,
    before: dict[str, Recommendation],
    after: dict[str, Recommendation],
    profiles: dict[str, PreferenceProfile | None],
) -> Table:
    shown = Table(
        "user",
        "genres before",
        "genres now",
        "profile before",
        "profile now",
        "best text now",
        show_lines=True,
    )
    for visitor in VISITORS:
        known = await newest(settings, visitor.user)
        best = after[visitor.user].candidates
        shown.add_row(
            visitor.user,
            _genres(before[visitor.user]),
            _genres(after[visitor.user]),
            _summary(profiles[visitor.user]),
            _summary(known),
            _plain(best[0].text) if best else "",
        )
    return shown


def _genres(answer: Recommendation) -> str:
    counted = Counter(each.genre or "(base)" for each in answer.candidates)
    return (
        "\n".join(f"{count} x {genre}" for genre, count in counted.most_common()) or answer.status
    )


def _summary(profile: PreferenceProfile | None) -> str:
    return "nothing known" if profile is None else profile.summary.replace("; ", "\n")


def _named(candidate: RankedCandidate) -> str:
    return f"{candidate.genre or '-'}\n[dim]{candidate.adapter or 'base model'}[/dim]"


def _plain(text: str) -> str:
    return text.replace("[", r"\[")
