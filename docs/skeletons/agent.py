"""suggest: what users propose becomes texts to train on."""

from __future__ import annotations

from collections.abc import AsyncIterator

from schemas.suggestions import Suggestion
from schemas.training import TrainingEvent
from streams.worker.delivery import Delivery, Outputs


async def suggest(suggestions: AsyncIterator[Delivery[Suggestion]], least_words: int) -> Outputs:
    """Send on every suggestion of at least that many words; shorter ones are left out."""
    async for delivery in suggestions:
        with delivery as suggestion:
            if len(suggestion.text.split()) >= least_words:
                yield delivery.output(_text(suggestion))


def _text(suggestion: Suggestion) -> TrainingEvent:
    return TrainingEvent(
        kind="text",
        genre=suggestion.genre,
        tenant=suggestion.tenant,
        user_id=suggestion.user_id,
        text=suggestion.text,
    )
