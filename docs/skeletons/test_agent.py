"""suggest: long enough texts are sent on, and the same text twice is one text."""

from __future__ import annotations

from agents.train.suggest import suggest
from schemas.suggestions import Suggestion
from schemas.training import TrainingEvent
from streams.wire.topics import BY_NAME
from tests.agents.deliveries import delivered, events, stream


async def told(*texts: str) -> list[object]:
    """What `suggest` makes of Ada's texts when three words are enough."""
    deliveries = (
        delivered(Suggestion(user_id="ada", suggestion_id=f"s-{n}", genre="joke", text=text), n)
        for n, text in enumerate(texts)
    )
    return await events(suggest(stream(deliveries), least_words=3))


async def test_a_suggestion_becomes_a_text_of_its_user_and_genre() -> None:
    text = "A duck walks into a bar."
    assert await told(text) == [TrainingEvent(kind="text", genre="joke", user_id="ada", text=text)]


async def test_what_is_too_short_is_left_out() -> None:
    assert len(await told("Ha ha", "Ha ha ha", "")) == 1


async def test_the_same_text_again_has_the_same_identity() -> None:
    once, again = await told("A duck walks in.", "A duck walks in.")
    identity = BY_NAME["training"].identity
    assert identity(once) == identity(again)
