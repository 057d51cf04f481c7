"""Codecs: every error code, and nothing but InvalidEvent for whatever bytes arrive."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from schemas.errors import InvalidEvent
from schemas.feedback import Feedback
from schemas.progress import Progress
from schemas.requests import GenerationRequest
from schemas.training import TrainingEvent
from streams.wire.codecs import decode, encode, parse
from streams.wire.limits import MAX_MESSAGE_BYTES
from streams.wire.source import Source
from streams.wire.topics import BY_NAME, TOPICS, Topic
from streams.worker.delivery import opened

SECRET = "the secret words of a user"


def refusal(value: bytes | None, kind: type[Any] = GenerationRequest) -> InvalidEvent:
    with pytest.raises(InvalidEvent) as caught:
        decode(value, kind)
    return caught.value


def request(rest: str) -> bytes:
    return f'{{"user_id": "ada", "prompt": "{SECRET}", {rest}}}'.encode()


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (None, "empty"),
        (b"", "empty"),
        (b" " * (MAX_MESSAGE_BYTES + 1), "too_large"),
        (b"\xff{}", "not_utf8"),
        (b'{"user_id": "\xed\xa0\x80"}', "not_utf8"),
        (b'{"user_id": "ad\xc3', "not_utf8"),
        (b" ", "not_json"),
        (b"{", "not_json"),
        (b"hello", "not_json"),
        (b'{"user_id": "ada"} {}', "not_json"),
        (b"\xef\xbb\xbf{", "not_json"),
        (b"\xef\xbb\xbf{}", "missing_field"),
        (b"{'user_id': 'ada'}", "not_json"),
        (request('"temperature": NaN'), "not_finite"),
        (request('"temperature": Infinity'), "not_finite"),
        (request('"temperature": -Infinity'), "not_finite"),
        (request('"temperature": 1e999'), "not_finite"),
        (request('"temperature": -1e999'), "not_finite"),
        (request('"ignored": ' + "[" * 5000 + "]" * 5000), "too_deep"),
        (request('"ignored": ' + '{"a":' * 5000 + "1" + "}" * 5000), "too_deep"),
        (request('"ignored": "\\ud800"'), "lone_surrogate"),
        (request('"ignored": "\\udc00\\ud800"'), "lone_surrogate"),
        (b'{"user_id": "ada"}', "missing_field"),
        (b"[]", "wrong_type"),
        (b"null", "wrong_type"),
        (b'"text"', "wrong_type"),
        (request('"candidates": "4"'), "wrong_type"),
        (b'{"user_id": 42, "prompt": "p"}', "wrong_type"),
        (b'{"user_id": null, "prompt": "p"}', "missing_field"),
        (request('"candidates": 4.5'), "wrong_type"),
        (request('"seed": 18446744073709551615'), "out_of_range"),
        (request('"seed": 18446744073709551616'), "wrong_type"),
        (request('"seed": 1e300'), "wrong_type"),
        (request('"style": "Very Playful"'), "bad_format"),
        (request('"deadline": "tomorrow"'), "bad_time"),
        (request('"deadline": "2026-01-01T00:00:00"'), "bad_time"),
        (request('"context": {"k": "' + "v" * 300 + '"}'), "too_long"),
        (b'{"user_id": "ada", "prompt": ""}', "too_short"),
        (request('"candidates": 1000'), "out_of_range"),
    ],
    ids=lambda value: value[:30] if isinstance(value, bytes) else value,
)
def test_every_breach_has_its_code(value: bytes | None, code: str) -> None:
    error = refusal(value)
    assert error.code == code
    assert SECRET not in error.message
    assert len(error.message) < 500


@pytest.mark.parametrize(
    ("document", "field", "value"),
    [
        ('"candidates": 3.0', "candidates", 3),
        ('"seed": 7.0', "seed", 7),
        ('"seed": 9.007199254740993e15', "seed", 9007199254740992),
        ('"temperature": 1', "temperature", 1.0),
        ('"candidates": null', "candidates", 4),
        ('"temperature": null, "top_p": null, "stream": null', "temperature", None),
        ('"genre": null', "genre", None),
        ('"context": {"locale": "en", "channel": null}', "context", {"locale": "en"}),
    ],
)
def test_what_a_careful_reader_would_understand_is_read(
    document: str, field: str, value: object
) -> None:
    assert getattr(decode(request(document), GenerationRequest), field) == value


def test_a_float_beyond_64_bits_is_no_integer() -> None:
    count = b'{"kind": "training", "state": "training", "genre": "joke", "step": 1e300, "steps": 1}'
    assert refusal(count, Progress).code == "wrong_type"


@pytest.mark.parametrize(
    ("value", "advice"),
    [
        (b'{"user_id": 42, "prompt": "p"}', "`$.user_id`; send it as a string, in quotes"),
        (request('"candidates": "4"'), "`$.candidates`; send the number without quotes"),
        (b'{"user_id": "ada", "prompt": null}', "missing required field `prompt`, got null"),
        (request('"seed": 18446744073709551616'), "`$.seed`; send an integer of at most 64 bits"),
        (request('"seed": 18446744073709551615'), "<= 9223372036854775807 - at `$.seed`"),
        (orjson.dumps('{"user_id": "ada"}'), "it was encoded twice, send the object itself"),
        (b"[{}, {}]", "send each event as a record of its own"),
    ],
)
def test_a_message_says_what_to_send_instead(value: bytes, advice: str) -> None:
    assert advice in refusal(value).message


@pytest.mark.parametrize(
    "document",
    [
        '{"user_id": "ada", "user_id": "eve", "prompt": "p"}',
        '{"user_id": "ada", "prompt": "p", "prompt": "p"}',
        '{"user_id": "ada", "prompt": "p", "context": {"locale": "en", "locale": "de"}}',
        '{"user_id": "ada", "prompt": "p", "\\u0070rompt": "q"}',
        '{"user_id": "ada", "prompt": "p", "ignored": [{"a": 1, "a": 1}]}',
    ],
)
def test_a_name_that_stands_twice_is_refused_where_clients_write(document: str) -> None:
    value = document.encode()
    with pytest.raises(InvalidEvent) as caught:
        decode(value, GenerationRequest, names_once=True)
    assert caught.value.code == "duplicate_name"
    assert decode(value, GenerationRequest).prompt in ("p", "q")
    requests = BY_NAME["requests"]
    record = Source(
        topic="genre.requests", partition=0, offset=0, timestamp=1.0, key=b"ada", value=value
    )
    assert isinstance(opened(record, requests).failure, InvalidEvent)


def test_an_unknown_value_is_answered_with_the_known_ones() -> None:
    error = refusal(b'{"user_id": "ada", "kind": "adore"}', Feedback)
    assert error.code == "unknown_value"
    assert (
        "like" in error.message
        and "genre_correction" in error.message
        and "got 'adore'" in error.message
    )


def test_base64_that_is_none_is_a_format_error() -> None:
    topic = next(topic for topic in TOPICS if topic.name == "corrections")
    document = b'{"user_id":"ada","genre":"joke","embedding":"%%%","time":"2026-01-01T00:00:00Z"}'
    assert refusal(document, topic.event).code == "bad_format"


def test_a_message_says_what_was_expected_where_and_what_came() -> None:
    assert (
        refusal(request('"candidates": 1000')).message
        == "Expected `int` <= 8 - at `$.candidates`, got 1000"
    )
    assert (
        refusal(request('"candidates": 4.5')).message
        == "Expected `int`, got `float` - at `$.candidates`"
    )
    assert "`$.context[...]`" in refusal(request('"context": {"k": 5}')).message


def test_a_message_shortens_what_is_long() -> None:
    error = refusal(orjson.dumps({"user_id": "u" * 10_000, "prompt": "p"}))
    assert error.message == "Expected `str` of length <= 256 - at `$.user_id`, got 10000 characters"
    assert (
        len(refusal(orjson.dumps({"user_id": "ada", "kind": "k" * 10_000}), Feedback).message) < 300
    )


@pytest.mark.parametrize(
    ("document", "kind"),
    [
        ({"user_id": "ada", "prompt": SECRET * 2000}, GenerationRequest),
        ({"user_id": "ada", "prompt": [SECRET]}, GenerationRequest),
        ({"user_id": "ada", "prompt": "p", "context": {"note": SECRET * 20}}, GenerationRequest),
        ({"user_id": "ada", "prompt": "p", "context": {SECRET * 5: "v"}}, GenerationRequest),
        (
            {
                "user_id": "ada",
                "kind": "edit",
                "request_id": "r",
                "candidate_id": "r/0",
                "text": SECRET * 9000,
            },
            Feedback,
        ),
        ({"user_id": "ada", "kind": "history", "value": 9, "text": SECRET}, Feedback),
        ({"kind": "text", "genre": "joke", "text": SECRET * 20_000}, TrainingEvent),
        ({"kind": "train", "genre": "joke", "requests": ["p", SECRET * 2000]}, TrainingEvent),
    ],
)
def test_a_message_never_quotes_what_a_user_wrote(
    document: dict[str, Any], kind: type[Any]
) -> None:
    assert SECRET not in refusal(orjson.dumps(document), kind).message


@pytest.mark.parametrize(
    "words", ["missing required field", "matching regex", "RFC3339", ", got `", "of length <="]
)
def test_a_client_does_not_choose_the_code(words: str) -> None:
    document = {"user_id": "ada", "kind": "like", "request_id": words, "candidate_id": "r/0"}
    assert refusal(orjson.dumps(document), Feedback).code == "out_of_range"
    assert (
        refusal(orjson.dumps({"user_id": "ada", "kind": words}), Feedback).code == "unknown_value"
    )


def test_a_thousand_levels_are_no_offence() -> None:
    assert (
        decode(request('"ignored": ' + "[" * 900 + "]" * 900), GenerationRequest).user_id == "ada"
    )


@given(value=st.binary(max_size=200), topic=st.sampled_from(TOPICS))
@example(value=b"-", topic=TOPICS[0])
@example(value=b'{"a": -Infinit', topic=TOPICS[0])
@example(value="é-".encode(), topic=TOPICS[0])
@settings(max_examples=300, deadline=None)
def test_whatever_bytes_arrive_only_invalid_event_is_raised(value: bytes, topic: Topic) -> None:
    try:
        decode(value, topic.event)
    except InvalidEvent as error:
        assert error.code.isidentifier()


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4)
    ),
    max_leaves=10,
)


@given(data=st.data(), topic=st.sampled_from(TOPICS))
@settings(max_examples=200, deadline=None)
def test_whatever_document_arrives_only_invalid_event_is_raised(
    data: st.DataObject, topic: Topic
) -> None:
    names = st.sampled_from([*topic.event.__dataclass_fields__, "unknown"])
    document = data.draw(st.dictionaries(names, _JSON, max_size=6) | _JSON)
    try:
        value = orjson.dumps(document)
    except TypeError:
        # An integer beyond 64 bits or a lone surrogate: orjson cannot write it,
        # the tests above read it.
        return
    try:
        decode(value, topic.event)
    except InvalidEvent as error:
        assert error.code.isidentifier()


@given(value=st.text(max_size=50))
def test_text_of_any_kind_survives(value: str) -> None:
    text = value.encode("utf-8", "replace").decode()
    request = GenerationRequest(user_id="ada", prompt=text or "p")
    assert decode(encode(request), GenerationRequest) == request


def test_parse_reads_any_json() -> None:
    assert parse(b'{"a": [1, null]}') == {"a": [1, None]}


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (b'{"user_id": "ada"}', "missing_field"),
        (b'{"user_id": "ada", "prompt": null, "suggest": false}', "missing_field"),
        (b'{"user_id": "ada", "prompt": "p", "suggest": true}', "contradiction"),
        (b'{"user_id": "ada", "prompt": "", "suggest": true}', "too_short"),
        (b'{"user_id": "ada", "suggest": 1}', "wrong_type"),
    ],
)
def test_a_request_has_a_prompt_or_asks_for_a_suggestion(value: bytes, code: str) -> None:
    with pytest.raises(InvalidEvent) as refused:
        decode(value, GenerationRequest)
    assert refused.value.code == code
    asked = decode(b'{"user_id": "ada", "suggest": true, "prompt": null}', GenerationRequest)
    assert asked.suggest and asked.prompt is None
