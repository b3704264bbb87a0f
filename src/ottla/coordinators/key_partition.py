"""Which partition of an internal topic a key lives in, by Apache Kafka's rule, so that mixed
clusters agree.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from ottla.wire.java import java_hash

REMEMBERED: Final = 4096
REMEMBERED_LENGTH_MAX: Final = 256
"""Keys come again and again; those that people choose are short."""


def partition_for(key: str, partition_count: int) -> int:
    """The absolute value of Java's hash, as Kafka's Utils.abs takes it, over all partitions."""
    short = len(key) <= REMEMBERED_LENGTH_MAX
    return (_remembered(key) if short else _absolute_hash(key)) % partition_count


def _absolute_hash(key: str) -> int:
    value = java_hash(key)
    return 0 if value == -(1 << 31) else abs(value)


_remembered = lru_cache(maxsize=REMEMBERED)(_absolute_hash)
