"""What a stream shows: arms with their pieces, and no text that was held back."""

from __future__ import annotations

from schemas.candidates import Candidate, CandidateSet
from schemas.parts import Failure, Verdict
from schemas.requests import GenerationRequest
from streams.gateway.journal import Seen
from streams.gateway.view import View
from streams.wire.topics import BY_EVENT
from tests.streams.gateway.conftest import whole

WISH = GenerationRequest(user_id="ada", prompt="x", request_id="r1")


def test_pieces_have_their_arm_once_it_is_planned() -> None:
    view = View()
    shown = {}
    for event in whole(WISH):
        topic = BY_EVENT[type(event)].name
        shown[topic] = view.of(Seen(topic, event, ""))
    assert shown["progress"]["arm"] == shown["generations"]["arms"][1]
    assert "seed" not in shown["generations"]["arms"][0]
    assert "embedding" not in shown["classified"]


def test_what_is_held_back_is_not_shown() -> None:
    texts = (
        Candidate(index=0, text="Bad.", finish="stop", verdict=Verdict(allowed=False, code="rude")),
        Candidate(
            index=1, text="", finish="failed", failure=Failure(code="no_text", message="None.")
        ),
        Candidate(index=2, text="Good.", finish="stop"),
    )
    event = CandidateSet(request_id="r1", user_id="ada", candidates=texts)
    shown = View().of(Seen("candidates", event, ""))["candidates"]
    assert [each["text"] for each in shown] == [None, None, "Good."]
    assert [(each["held_back"], each["code"]) for each in shown] == [
        (True, "rude"),
        (False, "no_text"),
        (False, None),
    ]
