"""A conversation becomes one request: its last user message, with what was said before."""

from __future__ import annotations

import pytest

from streams.gateway.openai.conversation import Message, prompt_of
from streams.gateway.openai.errors import BadParameter


def said(*messages: tuple[str, str]) -> list[Message]:
    return [Message(role=role, content=content) for role, content in messages]


def test_one_message_is_the_prompt_as_it_is() -> None:
    assert prompt_of(said(("user", "a joke"))) == "a joke"


def test_earlier_messages_are_context_the_newest_first_kept() -> None:
    prompt = prompt_of(
        said(("system", "Be brief."), ("user", "x" * 5000), ("assistant", "Ha."), ("user", "more"))
    )
    assert prompt.startswith("more\n\nEarlier") and prompt.endswith("assistant: Ha.")
    assert len(prompt) < 2_100


def test_what_follows_the_last_user_message_is_not_the_request() -> None:
    assert prompt_of(said(("user", "a joke"), ("assistant", "Once"))) == "a joke"


def test_a_long_request_goes_without_context() -> None:
    long = "y" * 32_000
    assert prompt_of(said(("system", "z" * 1000), ("user", long))) == long


def test_somebody_must_say_something() -> None:
    for messages in (said(("system", "x")), said(("user", " ")), [Message(role="user")]):
        with pytest.raises(BadParameter):
            prompt_of(messages)
