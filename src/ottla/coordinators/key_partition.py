"""Which partition of an internal topic a key lives in, by Apache Kafka's rule, so that mixed
clusters agree.
"""

from __future__ import annotations

from ottla.wire.java import java_hash


def partition_for(key: str, partition_count: int) -> int:
    """The absolute value of Java's hash, as Kafka's Utils.abs takes it, over all partitions."""
    value = java_hash(key)
    return (0 if value == -(1 << 31) else abs(value)) % partition_count
