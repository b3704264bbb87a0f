"""Keys and partitions."""

from __future__ import annotations

import pytest

from ottla.wire.outbox import partition_of


@pytest.mark.parametrize(
    ("key", "hashed"),
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_a_key_lands_where_kafka_puts_it(key: bytes, hashed: int) -> None:
    """If this failed, a record would lie apart from those of the same key that others wrote."""
    assert partition_of(key, 12) == (hashed & 0x7FFFFFFF) % 12
