"""What people said of each adapter's texts: one verdict a user and text, from the topics."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TypeVar

from genre_models.adapters.contest import Record
from schemas.errors import InvalidEvent
from schemas.feedback import Feedback
from schemas.keys import user_key
from schemas.recommendations import Recommendation
from streams.clients.reader import read
from streams.settings import Settings
from streams.wire.codecs import decode
from streams.wire.topics import BY_EVENT

E = TypeVar("E")


async def records(settings: Settings) -> dict[str, Record]:
    """Likes and dislikes of each adapter, from what stands in `recommendations` and `feedback`."""
    written = {
        (user_key(answer.user_id, answer.tenant), each.candidate_id): each.adapter
        async for answer in _events(settings, Recommendation)
        for each in answer.candidates
        if each.adapter is not None
    }
    verdicts: dict[tuple[str, str], bool] = {}
    said: dict[tuple[str, str], tuple[str, str]] = {}
    async for reaction in _events(settings, Feedback):
        user = user_key(reaction.user_id, reaction.tenant)
        place = (user, reaction.candidate_id or "")
        if reaction.kind == "retract":
            verdicts.pop(said.get((user, reaction.retracts or ""), ("", "")), None)
        elif place in written and (liked := verdict(reaction)) is not None:
            verdicts[place] = liked
            said[user, reaction.feedback_id or ""] = place
    found: dict[str, Record] = {}
    for place, liked in verdicts.items():
        found[written[place]] = found.get(written[place], Record()).counting(liked)
    return found


def verdict(reaction: Feedback) -> bool | None:
    """Whether a reaction speaks for or against a text, if it does either."""
    if reaction.kind == "rating" and reaction.value is not None:
        return None if reaction.value == 3 else reaction.value > 3
    speaks = {"like": True, "accept": True, "copy": True, "choose": True, "dislike": False}
    return speaks.get(reaction.kind)


async def _events(settings: Settings, kind: type[E]) -> AsyncIterator[E]:
    async for record in read(settings, settings.topic(BY_EVENT[kind].name)):
        try:
            yield decode(record.value, kind)
        except InvalidEvent:
            continue
