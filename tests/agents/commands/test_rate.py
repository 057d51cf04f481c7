"""Which text a number means."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest
from typer.testing import CliRunner

from agents.commands.rate import place_in
from agents.main import cli
from schemas.errors import InvalidEvent, Rejected
from schemas.feedback import Feedback
from schemas.recommendations import Recommendation
from streams.clients.client import Client
from streams.clients.embedded_broker import EmbeddedBroker
from streams.clients.reader import read
from streams.wire.codecs import decode
from tests.agents.commands.test_answer import answer, candidate

ANSWER = answer(candidate("x", 3), candidate("y", 1), tenant="acme")


async def rated(broker: EmbeddedBroker, *arguments: str) -> Feedback:
    """The event of `genre rate`, which runs in a thread because it has a loop of its own."""
    given = broker.settings.environment()
    done = await asyncio.to_thread(CliRunner(env=given).invoke, cli, ["rate", *arguments])
    assert done.exit_code == 0, done.output
    topic = broker.settings.topic("feedback")
    return [decode(each.value, Feedback) async for each in read(broker.settings, topic)][-1]


async def test_a_number_means_a_text_of_the_newest_answer(broker: EmbeddedBroker) -> None:
    async with Client(broker.settings) as client:
        await client.publish(answer(candidate("old"), tenant="acme"))
        await client.publish(ANSWER)
        await client.publish(answer(candidate("of another")))
    sent = await rated(broker, "2", "like", "--user", "ada", "--tenant", "acme")
    assert (sent.kind, sent.request_id, sent.candidate_id) == ("like", "r1", "r1/1")


async def test_a_candidate_id_needs_no_answer(broker: EmbeddedBroker) -> None:
    sent = await rated(broker, "r9/5", "dislike")
    assert (sent.user_id, sent.request_id, sent.candidate_id) == ("me", "r9", "r9/5")


@pytest.mark.parametrize(
    ("found", "number", "code", "words"),
    [
        (None, 1, "no_answer", "Expected an answer to ada"),
        (ANSWER, 3, "no_such_text", r"\(1 to 2\), got 3"),
        (ANSWER, 0, "no_such_text", r"\(1 to 2\), got 0"),
        (answer(status="declined"), 1, "no_such_text", "none, it is declined"),
    ],
)
def test_it_is_said_why_a_number_means_nothing(
    found: Recommendation | None, number: int, code: str, words: str
) -> None:
    with pytest.raises(Rejected, match=words) as refused:
        place_in(found, number, "ada")
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["rate", "r1/0", "adore"], "unknown_value"),
        (["ask", "a joke", "--candidates", "9"], "out_of_range"),
        (["train", "Not A Genre"], "bad_format"),
    ],
)
def test_what_would_be_refused_is_not_sent(arguments: list[str], code: str) -> None:
    with suppress(SystemExit):
        done = CliRunner(env={"GENRE_BROKERS": "127.0.0.1:1"}).invoke(cli, arguments)
    assert isinstance(done.exception, InvalidEvent)
    assert done.exception.code == code
    assert f"This would be refused ({code}): Expected" in done.exception.message
