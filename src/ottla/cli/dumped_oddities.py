"""What kafka-dump-log.sh tells at its end: what in the files does not agree.

It is in Apache's order: kind by kind, in each the files as a Java HashMap has them, in each the
places as they were met, or sorted where that is how they are kept.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from enum import Enum

from ottla.wire.java import java_hash


class Oddity(Enum):
    """A kind: the line above, and the line of each pair of numbers."""

    INDEX_MISMATCH = ("Mismatches in :{}", "  Index offset: {}, log offset: {}")
    TIME_MISMATCH = ("Found timestamp mismatch in :{}", "  Index timestamp: {}, log timestamp: {}")
    TIME_ORDER = (
        "Found out of order timestamp in :{}",
        "  Index timestamp: {}, Previously indexed timestamp: {}",
    )
    OFFSET_MISSING = (
        "The following indexed offsets are not found in :{}",
        "Indexed offset: {}, found log offset: {}",
    )
    GAP = ("Non-consecutive offsets in {}", "  {} is followed by {}")


_FALLING, _RISING = Oddity.INDEX_MISMATCH, Oddity.GAP
"""Kept sorted, the last one counts of two pairs with the same first number."""


class Oddities:
    """Pairs of numbers by kind and file."""

    def __init__(self) -> None:
        self._found: dict[Oddity, dict[str, list[tuple[int, int]]]] = {}

    def note(self, kind: Oddity, path: str, first: int, second: int) -> None:
        """Remember a pair."""
        place = os.path.join(os.getcwd(), path)
        self._found.setdefault(kind, {}).setdefault(place, []).append((first, second))

    def lines(self) -> Iterator[str]:
        """What to say."""
        for kind in Oddity:
            files = self._found.get(kind, {})
            title, row = kind.value
            for path in in_java_order(list(files)):
                yield title.format(path)
                pairs = files[path]
                if kind in (_FALLING, _RISING):
                    pairs = sorted(dict(pairs).items(), reverse=kind is _FALLING)
                for first, second in pairs:
                    yield row.format(first, second)


def in_java_order(keys: list[str]) -> list[str]:
    """The keys of a HashMap that they were put in one after the other, as it lists them."""
    slots = 16
    while len(keys) > slots * 3 // 4:
        slots *= 2

    def slot(key: str) -> int:
        value = java_hash(key) & 0xFFFFFFFF
        return (value ^ value >> 16) & slots - 1

    return sorted(keys, key=slot)
