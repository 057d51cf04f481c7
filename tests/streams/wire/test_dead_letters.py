"""Dead letters: the record untouched, the reason beside it, nothing private in the reason."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

import pytest

from schemas.errors import InvalidEvent
from schemas.requests import GenerationRequest
from streams.wire.codecs import decode
from streams.wire.dead_letters import (
    bare,
    code,
    dead_letter,
    is_cut,
    original_headers,
    reasons,
)
from streams.wire.headers import REKEYED
from streams.wire.limits import DEAD_LETTER_EXTRA_BYTES, MAX_MESSAGE_BYTES
from streams.wire.source import Source

HEADERS = (("ce_id", b"7"), ("x", b"\xff\x00"), ("ce_id", b"8"))


def source(value: bytes | None = b"{", headers: tuple[tuple[str, bytes], ...] = HEADERS) -> Source:
    return Source(
        topic="genre.requests",
        partition=2,
        offset=41,
        timestamp=1.5,
        key=b"ada",
        value=value,
        headers=headers,
    )


def test_key_value_and_headers_are_untouched() -> None:
    letter = dead_letter(source(), InvalidEvent("not_json", "no"), group="g", stage="requests")
    assert (letter.topic, letter.key, letter.value) == ("genre.requests.dlq", b"ada", b"{")
    assert letter.headers[: len(HEADERS)] == HEADERS
    assert original_headers(letter.headers) == HEADERS


def test_the_reason_has_every_field_of_the_design() -> None:
    letter = dead_letter(
        source(),
        InvalidEvent("not_json", "Expected JSON."),
        group="genre.classify",
        stage="requests",
    )
    why = reasons(letter.headers)
    assert why.pop("time").endswith("+00:00")
    assert why == {
        "topic": "genre.requests",
        "partition": "2",
        "offset": "41",
        "id": "genre.requests-2-41-1500",
        "timestamp": "1.5",
        "group": "genre.classify",
        "stage": "requests",
        "code": "not_json",
        "exception": "InvalidEvent",
        "message": "Expected JSON.",
        "attempts": "1",
        "retryable": "false",
    }


def test_a_tombstone_is_kept_as_one() -> None:
    letter = dead_letter(source(None), InvalidEvent("empty", "no"), group="g", stage="s")
    assert letter.value is None
    assert reasons(letter.headers)["code"] == "empty"


def test_a_record_without_key_and_value_has_a_letter_that_can_be_sent() -> None:
    # aiokafka's producer asserts that there is one of the two; the assertion ended the worker.
    nothing = replace(source(None), key=None)
    letter = dead_letter(nothing, InvalidEvent("empty", "no"), group="g", stage="s")
    assert (letter.key, letter.value) == (None, b"")
    large = dead_letter(
        replace(source(), key=None), InvalidEvent("too_large", "no"), group="g", stage="s"
    )
    assert (bare(large).key, bare(large).value) == (None, b"")


def test_what_is_too_large_is_cut_and_carries_its_digest() -> None:
    value = bytes(range(256)) * 17_000
    letter = dead_letter(source(value), InvalidEvent("too_large", "no"), group="g", stage="s")
    assert (
        letter.value is not None
        and value.startswith(letter.value)
        and len(letter.value) < len(value)
    )
    assert reasons(letter.headers)["sha256"] == sha256(value).hexdigest()


@pytest.mark.parametrize("length", [0, 1000, MAX_MESSAGE_BYTES - 200])
def test_a_record_of_allowed_size_is_never_cut(length: int) -> None:
    value = b"x" * length
    letter = dead_letter(source(value), InvalidEvent("not_json", "no"), group="g", stage="s")
    assert letter.value == value
    assert "sha256" not in reasons(letter.headers)


@pytest.mark.parametrize("value", [10, MAX_MESSAGE_BYTES, 3 * MAX_MESSAGE_BYTES])
@pytest.mark.parametrize("header", [10, 40_000, MAX_MESSAGE_BYTES // 2, 2 * MAX_MESSAGE_BYTES])
@pytest.mark.parametrize(("key", "many"), [(10, 1), (5_000_000, 100_000)])
def test_every_letter_fits_into_its_topic(value: int, header: int, key: int, many: int) -> None:
    error = InvalidEvent("not_json", "\u4e2d" * 5000)
    pairs = (("h", b"h" * header), ("n" * header, b""), *[("x", b"y")] * many)
    odd = replace(source(b"v" * value, pairs), key=b"k" * key)
    letter = dead_letter(odd, error, group="g" * 100, stage="requests")
    size = len(letter.value or b"") + len(letter.key or b"")
    size += sum(len(name) + len(content) + 10 for name, content in letter.headers)
    assert size < MAX_MESSAGE_BYTES + DEAD_LETTER_EXTRA_BYTES - 1000


def test_a_key_that_is_too_long_is_cut_and_carries_its_digest() -> None:
    key = bytes(range(256)) * 20_000
    letter = dead_letter(
        replace(source(), key=key), InvalidEvent("not_json", "no"), group="g", stage="s"
    )
    assert letter.key is not None and key.startswith(letter.key) and len(letter.key) == 4096
    assert reasons(letter.headers)["key_sha256"] == sha256(key).hexdigest()
    assert is_cut(letter.headers) and letter.value == b"{"


@pytest.mark.parametrize("value", [None, b"", b"{" * 5000, b"{" * 2 * MAX_MESSAGE_BYTES])
def test_a_bare_letter_has_the_reasons_and_the_digest(value: bytes | None) -> None:
    letter = dead_letter(source(value), InvalidEvent("not_json", "no"), group="g", stage="s")
    small = bare(letter)
    why = reasons(small.headers)
    assert (small.topic, small.key, small.value) == (letter.topic, letter.key, None)
    assert reasons(letter.headers).items() <= why.items()
    assert why.get("sha256") == (sha256(value).hexdigest() if value else None)
    assert original_headers(small.headers) == ()


def test_what_is_replayed_may_be_published_again_once_more() -> None:
    letter = dead_letter(
        source(headers=((REKEYED, b"genre.requests[0]@1"), *HEADERS)),
        InvalidEvent("misplaced", "no"),
        group="g",
        stage="s",
    )
    assert (REKEYED, b"genre.requests[0]@1") in letter.headers
    assert original_headers(letter.headers) == HEADERS


def test_headers_beyond_reason_are_counted_instead_of_kept() -> None:
    headers = (("h", b"h" * 3 * 2**20),)
    letter = dead_letter(
        source(b"v", headers), InvalidEvent("not_json", "no"), group="g", stage="s"
    )
    assert reasons(letter.headers)["headers_dropped"] == "1"
    assert letter.value == b"v"


def test_the_prompt_is_in_the_value_alone() -> None:
    secret = "the secret words of a user"
    value = f'{{"user_id": "ada", "prompt": "{secret * 2000}"}}'.encode()
    with pytest.raises(InvalidEvent) as caught:
        decode(value, GenerationRequest)
    letter = dead_letter(source(value), caught.value, group="g", stage="s")
    assert not any(secret.encode() in content for _, content in letter.headers)


def test_an_accident_has_a_code_and_tells_nothing_private() -> None:
    letter = dead_letter(source(), ValueError("the secret words of a user"), group="g", stage="s")
    why = reasons(letter.headers)
    assert (why["code"], why["exception"], why["message"]) == (
        "internal_error",
        "ValueError",
        "see the worker's log",
    )
    assert code(KeyError("x")) == "internal_error"


def test_a_letter_that_fails_again_carries_only_its_newest_reason() -> None:
    first = dead_letter(source(), InvalidEvent("not_json", "no"), group="g", stage="s")
    again = dead_letter(
        source(headers=first.headers), InvalidEvent("not_utf8", "no"), group="g", stage="s"
    )
    assert reasons(again.headers)["code"] == "not_utf8"
    assert sum(name.endswith(".code") for name, _ in again.headers) == 1


def test_a_lone_surrogate_in_a_message_is_no_obstacle() -> None:
    letter = dead_letter(source(), InvalidEvent("bad_format", "got '\ud800'"), group="g", stage="s")
    assert reasons(letter.headers)["message"] == "got '?'"
