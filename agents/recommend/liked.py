"""What a user asked for and liked, by their own row and decisions: suggestions are made of it."""

from __future__ import annotations

from agents.recommend.decision_row import DecisionRow
from agents.recommend.ledger import Case
from genre_models.preferences.row import EVERY_CANDIDATE
from genre_models.preferences.signals import digest
from genre_models.suggestions import Liked

_NEITHER = 0.5  # the target of a reaction that is neither for nor against


def liked_requests(case: Case) -> tuple[Liked, ...]:
    """The requests of which the user liked a text, newest first, each once for every genre liked.

    At most 64 reactions to 32 requests are remembered.
    """
    asked = {digest(decision.request_id): decision for decision in case.remembered()}
    found = [
        _liked(asked[int(entry["decision"])], int(entry["candidate"]))
        for entry in case.row.ring[::-1]
        if int(entry["decision"]) in asked and entry["weight"] > 0 and entry["target"] > _NEITHER
    ]
    return tuple(dict.fromkeys(each for each in found if each is not None))


def _liked(decision: DecisionRow, candidate: int) -> Liked | None:
    arm = next((arm for arm in decision.arms if arm.index == candidate), None)
    if arm is None and candidate != EVERY_CANDIDATE:
        return None
    prompt = arm.prompt if arm is not None and arm.prompt is not None else decision.prompt
    return None if prompt is None else Liked(prompt, arm.genre if arm is not None else None)
