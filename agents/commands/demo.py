"""What `make run` shows: five fields ask, one reader reacts, and the next answer knows of it."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from rich.console import Console
from rich.text import Text

from agents.commands.answer import refusal, show_candidate, show_text
from agents.commands.terminal import printable
from schemas.feedback import Feedback
from schemas.preferences import PreferenceProfile
from schemas.recommendations import RankedCandidate, Recommendation
from schemas.requests import GenerationRequest
from streams.clients.client import Client
from streams.clients.newest import newest
from streams.settings import Settings

FIELDS = {
    "content": "A headline: the town library now lends garden tools.",
    "education": "Glossary entry for pupils: photosynthesis.",
    "service": "Customer: my parcel is three days late. Answer as support.",
    "marketing": "A slogan for a bakery that opens at five in the morning.",
    "games": "Lines for a castle guard who has just seen the hero sneak in.",
}
READER = "ada"
LIKED = "verse"  # the family of which the reader likes every text, and no other
# It leaves the genre open between a joke and a poem, so that taste decides.
OPEN = "Cheer me up with a few lines about rainy Mondays."


async def run(settings: Settings, out: Console) -> None:
    """Ask five requests of five fields; then react to a sixth, and show what it changed and why."""
    async with Client(settings) as client:
        out.print()
        _title(out, "Five requests of five fields (a small model on this processor: some seconds)")
        for field, answer in zip(FIELDS, await _each_field(client), strict=True):
            out.print(Text(f"{field}: {FIELDS[field]}", "green"))
            show_text(out, f"understood as: {_spoken(answer.genre)}", "dim")
            _show(out, answer)
        _title(out, f"{READER} asks: {OPEN}")
        before, known = await _ask(client, prompt=OPEN), await _profile(settings)
        _show(out, before)
        await _react(client, settings, before)
        _title(out, f"{READER} likes {LIKED} and nothing else, and asks the same again")
        after = await _ask(client, prompt=OPEN)
        _show_change(out, "genres", _genres(before), _genres(after))
        _show_change(out, "believed", known, await _profile(settings))
        out.print()
        _show(out, after)
        await _react(client, settings, after)
        _title(out, f"{READER} reacts to these as well; what will {READER} want, without a prompt?")
        _show(out, await _ask(client, suggest=True))


async def _each_field(client: Client) -> list[Recommendation]:
    asked = (_ask(client, field, prompt=prompt) for field, prompt in FIELDS.items())
    return await asyncio.gather(*asked)


async def _ask(
    client: Client, user: str = READER, *, prompt: str | None = None, suggest: bool = False
) -> Recommendation:
    deadline = datetime.now(UTC) + timedelta(minutes=5)
    return await client.ask(
        GenerationRequest(user_id=user, prompt=prompt, suggest=suggest, deadline=deadline),
        within=360,
    )


def _reaction(candidate: RankedCandidate) -> Feedback:
    return Feedback(
        user_id=READER,
        kind="like" if candidate.family == LIKED else "dislike",
        request_id=candidate.candidate_id.rpartition("/")[0],
        candidate_id=candidate.candidate_id,
    )


async def _react(client: Client, settings: Settings, answer: Recommendation) -> None:
    """React to every text, and wait for a profile that holds it all: one is published a second."""
    known = await newest(settings, PreferenceProfile, READER)
    for candidate in answer.candidates:
        await client.rate(_reaction(candidate))
    due = len(answer.candidates) + (known.reactions if known else 0)
    with suppress(TimeoutError):
        async with asyncio.timeout(30):
            while (known.reactions if known else 0) < due:
                await asyncio.sleep(0.3)
                known = await newest(settings, PreferenceProfile, READER)


async def _profile(settings: Settings) -> str:
    """What is believed about the reader, in words."""
    found = await newest(settings, PreferenceProfile, READER)
    return "nothing known" if found is None else found.summary


def _genres(answer: Recommendation) -> str:
    """How many texts of each genre an answer holds.

    >>> _genres(Recommendation(request_id="r", user_id="ada", status="expired"))
    'none: expired'
    """
    counted = Counter(_spoken(each.genre) for each in answer.candidates).most_common()
    return ", ".join(f"{count} {genre}" for genre, count in counted) or f"none: {answer.status}"


def _spoken(genre: str | None) -> str:
    return (genre or "no genre").replace("_", " ")


def _title(out: Console, words: str) -> None:
    out.print(Text(f"{words}\n", "bold"))


def _show(out: Console, answer: Recommendation) -> None:
    """The best text whole, the others on a line each."""
    if not answer.candidates:
        show_text(out, refusal(answer), "red")
        return
    best, *others = answer.candidates
    show_candidate(out, 1, best)
    for number, candidate in enumerate(others, 2):
        words = " ".join(printable(candidate.text).split())
        line = Text(f"{number}  ", "bold").append(f"{candidate.genre or 'no genre'}  ", "cyan")
        line.append(words, "dim")
        line.truncate(out.width, overflow="ellipsis")
        out.print(line)
    if others:
        out.print()


def _show_change(out: Console, what: str, before: str, now: str) -> None:
    show_text(out, f"{what} before: {before}")
    show_text(out, f"{what} now: {now}")
