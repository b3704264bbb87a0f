"""The order in which a `HashSet` of Java gives keys of bytes: a buffer's changelog is written in
it.

A suppression's buffer notes which keys changed and writes them at the commit, in the order of such
a set. It depends on the keys' hashes and on how large the set has ever been: it never shrinks. One
thing is not followed: Java makes a tree of a bucket of more than eight keys, and so gives them in
another order; keys that were not chosen for it do not meet so.
"""

from __future__ import annotations

MASK = 0xFFFFFFFF
LEAST = 16
#: A bucket that gets longer than this makes a small table grow.
BUCKET_MAX, TREES_FROM = 8, 64


class HashOrder:
    """A set of keys, read in Java's order."""

    def __init__(self) -> None:
        self.capacity = LEAST
        #: key to hash, in the order in which they came
        self.hashes: dict[bytes, int] = {}

    def add(self, key: bytes) -> None:
        hashes = self.hashes
        if key in hashes:
            return
        mixed = hash_of(key)
        hashes[key] = mixed
        if self.capacity < TREES_FROM and len(hashes) > BUCKET_MAX:
            last = self.capacity - 1
            if sum((other ^ mixed) & last == 0 for other in hashes.values()) > BUCKET_MAX:
                self.capacity *= 2
        if len(hashes) * 4 > self.capacity * 3:
            self.capacity *= 2

    def taken(self) -> list[bytes]:
        """All keys in order; the set is empty afterwards."""
        last = self.capacity - 1
        keys = sorted(self.hashes, key=lambda key: self.hashes[key] & last)
        self.hashes.clear()
        return keys


def hash_of(key: bytes) -> int:
    """Java's hash of an array of bytes, its upper half mixed into the lower one."""
    code = 1
    for byte in key:
        code = code * 31 + (byte if byte < 128 else byte - 256) & MASK
    return code ^ code >> 16
