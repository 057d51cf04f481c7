"""The demonstration of `make run`: three users ask, react as their tastes are, and ask again."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from rich.console import Console
from rich.text import Text

from agents.commands.answer import refusal, show_candidate, show_text
from schemas.feedback import Feedback
from schemas.preferences import PreferenceProfile
from schemas.recommendations import RankedCandidate, Recommendation
from schemas.requests import GenerationRequest
from streams.clients.client import Client
from streams.clients.newest import newest
from streams.settings import Settings

# One request that leaves the genre open between a joke and a poem, so that taste decides.
OPEN = "Cheer me up with a few lines about rainy Mondays."
_SHORT = 22  # words

Taste = Callable[[RankedCandidate], bool]


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody of simple taste, who asks for something particular and for something open."""

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


async def run(settings: Settings, out: Console) -> None:
    """Ask six requests, react, ask the open one again, and show what changed and why."""
    async with Client(settings) as client:
        out.print()
        _title(out, "Six requests from three users (a small model on this processor: some seconds)")
        asked = [(visitor, prompt) for visitor in VISITORS for prompt in (visitor.asks, OPEN)]
        answers = await asyncio.gather(
            *(_ask(client, visitor, prompt) for visitor, prompt in asked)
        )
        for (visitor, prompt), answer in zip(asked, answers, strict=True):
            out.print(Text(f"{visitor.user} asks: {prompt}", "green"))
            _show_best(out, answer)
        before = [
            answer for (_, prompt), answer in zip(asked, answers, strict=True) if prompt == OPEN
        ]
        known = [await _profile(settings, visitor) for visitor in VISITORS]
        _title(out, "They react: " + "; ".join(f"{each.user} {each.taste}" for each in VISITORS))
        for visitor, answer in zip(VISITORS, before, strict=True):
            for candidate in answer.candidates:
                await client.rate(_reaction(visitor, candidate))
        await _learned(settings)
        _title(out, f"The same request again: {OPEN}")
        for visitor, old, profile in zip(VISITORS, before, known, strict=True):
            answer = await _ask(client, visitor, OPEN)
            out.print(Text(f"{visitor.user}, who {visitor.taste}", "green"))
            _show_change(out, "genres", _genres(old), _genres(answer))
            _show_change(out, "believed", profile, await _profile(settings, visitor))
            _show_best(out, answer)


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


async def _learned(settings: Settings) -> None:
    """Wait until everyone's profile holds all reactions; profiles are published once a second."""
    async with asyncio.timeout(30):
        while not all([await newest(settings, PreferenceProfile, each.user) for each in VISITORS]):
            await asyncio.sleep(0.5)
    await asyncio.sleep(1.2)


async def _profile(settings: Settings, visitor: Visitor) -> str:
    """What is believed about a visitor, in words."""
    found = await newest(settings, PreferenceProfile, visitor.user)
    return "nothing known" if found is None else found.summary


def _genres(answer: Recommendation) -> str:
    """How many texts of each genre an answer holds.

    >>> _genres(Recommendation(request_id="r", user_id="ada", status="expired"))
    'none: expired'
    """
    counted = Counter(each.genre or "no genre" for each in answer.candidates).most_common()
    return ", ".join(f"{count} {genre}" for genre, count in counted) or f"none: {answer.status}"


def _title(out: Console, words: str) -> None:
    out.print(Text(f"{words}\n", "bold"))


def _show_best(out: Console, answer: Recommendation) -> None:
    if answer.candidates:
        show_candidate(out, 1, answer.candidates[0])
    else:
        show_text(out, refusal(answer), "red")


def _show_change(out: Console, what: str, before: str, now: str) -> None:
    show_text(out, f"{what} before: {before}")
    show_text(out, f"{what} now: {now}")
