"""Keys lie where Kafka's own clients put them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.wire.partitions import home_of


# Hashes from the tests of Kafka's Java client (UtilsTest.testMurmur2).
@pytest.mark.parametrize(
    ("key", "murmur2"),
    [
        ("21", -973932308),
        ("foobar", -790332482),
        ("a-little-bit-long-string", -985981536),
        ("a-little-bit-longer-string", -1486304829),
        ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        ("abc", 479470107),
    ],
)
def test_a_key_lies_where_the_java_client_puts_it(key: str, murmur2: int) -> None:
    for partitions in (1, 4, 7, 1000):
        assert home_of(key, partitions) == (murmur2 & 0x7FFFFFFF) % partitions


@given(st.text(), st.integers(1, 1000))
def test_every_key_has_a_partition(key: str, partitions: int) -> None:
    assert 0 <= home_of(key, partitions) < partitions
