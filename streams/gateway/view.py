"""What a client sees of a request that is under way: events of a stream from records of the log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from schemas.candidates import Candidate, CandidateSet
from schemas.classified import ClassifiedRequest
from schemas.generations import ArmTask, GenerationTask
from schemas.progress import Progress
from schemas.recommendations import Recommendation
from streams.gateway.journal import Seen

_GENRES = 5  # the most probable ones

NAMES: Mapping[str, str] = {
    "classified": "classified",
    "generations": "planned",
    "progress": "piece",
    "candidates": "candidates",
    "recommendations": "recommendation",
}
"""Of the events, by topic."""


class View:
    """One request; a piece tells its arm once the plan was seen."""

    def __init__(self) -> None:
        self._arms: dict[int, dict[str, Any]] = {}

    def of(self, seen: Seen) -> dict[str, Any]:
        """The data of an event."""
        match seen.event:
            case ClassifiedRequest():
                return _classified(seen.event)
            case GenerationTask():
                self._arms = {arm.index: _arm(arm) for arm in seen.event.arms}
                return {"request_id": seen.event.request_id, "arms": list(self._arms.values())}
            case Progress():
                return _piece(seen.event) | {"arm": self._arms.get(seen.event.index or 0)}
            case CandidateSet():
                return _candidates(seen.event)
        answer: Recommendation = seen.event
        return plain(answer)


def plain(event: object) -> dict[str, Any]:
    """An event as JSON without its nulls."""
    document: dict[str, Any] = msgspec.to_builtins(event)
    return {name: value for name, value in document.items() if value is not None}


def _classified(event: ClassifiedRequest) -> dict[str, Any]:
    return {
        "request_id": event.request_id,
        "genres": msgspec.to_builtins(event.genres[:_GENRES]),
        "family": event.family,
        "fallback": event.fallback,
        "language": event.language,
        "language_confidence": event.language_confidence,
        "verdict": plain(event.verdict),
        "deadline": event.deadline.isoformat(),
        "failure": plain(event.failure) if event.failure else None,
    }


def _arm(arm: ArmTask) -> dict[str, Any]:
    shown = plain(arm)
    return {name: value for name, value in shown.items() if name not in ("seed", "salts")}


def _piece(event: Progress) -> dict[str, Any]:
    return {
        "request_id": event.request_id,
        "index": event.index,
        "sequence": event.sequence,
        "text": event.text,
        "code": event.code,
    }


def _candidates(event: CandidateSet) -> dict[str, Any]:
    return {
        "request_id": event.request_id,
        "candidates": [_candidate(each) for each in event.candidates],
        "failure": plain(event.failure) if event.failure else None,
    }


def _candidate(candidate: Candidate) -> dict[str, Any]:
    """A text that the safety gate holds back is not shown, though its first pieces were."""
    is_held_back = not candidate.verdict.allowed
    return {
        "index": candidate.index,
        "text": None if is_held_back or candidate.failure else candidate.text,
        "finish": candidate.finish,
        "trimmed": candidate.trimmed,
        "held_back": is_held_back,
        "code": candidate.failure.code if candidate.failure else candidate.verdict.code,
    }
