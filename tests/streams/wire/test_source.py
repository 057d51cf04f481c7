"""Sources: a record's place and bytes, as both clients give it, and the id that follows from it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from aiokafka.structs import ConsumerRecord

from streams.wire.source import Source, Unreadable


def record(**changes: Any) -> Any:
    given: dict[str, Any] = {
        "topic": "genre.requests",
        "partition": 2,
        "offset": 7,
        "timestamp": 1500,
        "timestamp_type": 0,
        "key": b"ada",
        "value": b"{}",
        "checksum": None,
        "serialized_key_size": 3,
        "serialized_value_size": 2,
        "headers": (("ce_id", b"x"), ("none", None)),
    }
    return ConsumerRecord(**(given | changes))


def test_a_header_without_a_value_is_empty() -> None:
    source = Source.of(record(), timestamp=1.5)
    assert source.headers == (("ce_id", b"x"), ("none", b""))
    assert (source.key, source.value, str(source)) == (b"ada", b"{}", "genre.requests[2]@7")


@pytest.mark.parametrize(("kind", "is_appended"), [(0, False), (1, True), (None, False)])
def test_whose_clock_a_record_was_dated_by_is_known(kind: int | None, is_appended: bool) -> None:
    assert Source.of(record(timestamp_type=kind), timestamp=1.5).is_appended is is_appended


def test_a_record_without_a_time_has_none() -> None:
    assert Source.of(record(), timestamp=None).timestamp == 0.0


def test_the_derived_id_tells_a_topic_from_one_that_was_made_again() -> None:
    source = Source.of(record(), timestamp=1.5)
    again = replace(source, timestamp=99.25)
    assert source.derived_id == "genre.requests-2-7-1500"
    assert again.derived_id == "genre.requests-2-7-99250"


def test_what_stands_for_a_batch_is_empty_and_says_why() -> None:
    value = Unreadable("offsets 3 to 5 with a wrong checksum")
    assert (value, value.why) == (b"", "offsets 3 to 5 with a wrong checksum")
