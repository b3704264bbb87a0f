"""The order in which Java's HashMap goes through its keys.

Java's assignors go through such maps, so the order decides which member gets what: to assign as
they do we must go the same way. Keys lie in buckets by their hash, in one bucket in the order they
were put in (`computeIfAbsent` puts in front); the number of buckets is the power of two that keeps
them three quarters full. (Java makes a tree of a bucket of more than eight, whose order then
differs; no real group has that.)
"""

from __future__ import annotations

from collections.abc import Iterable

BUCKETS_MIN = 16


def string_hash(text: str) -> int:
    """String.hashCode, as an unsigned number: over the text's UTF-16 units."""
    found = 0
    if text.isascii():
        for byte in text.encode():
            found = (31 * found + byte) & 0xFFFFFFFF
        return found
    data = text.encode("utf-16-be")
    for at in range(0, len(data), 2):
        found = (31 * found + (data[at] << 8 | data[at + 1])) & 0xFFFFFFFF
    return found


def hash_order(keys: Iterable[str], buckets_min: int = BUCKETS_MIN) -> list[str]:
    """The keys, each once, as a HashMap gives them that they were put into in this order."""
    found = list(dict.fromkeys(keys))
    buckets = buckets_min
    while len(found) * 4 > buckets * 3:
        buckets *= 2
    return sorted(found, key=lambda key: bucket(string_hash(key), buckets))


def bucket(code: int, buckets: int) -> int:
    """In which of so many buckets a key with this hash lies."""
    return (code ^ code >> 16) & (buckets - 1)
