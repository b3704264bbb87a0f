"""A map of bytes that can also be read in the order of its keys, as Kafka's stores on disk can.

Point reads and writes are a dictionary's. The order is kept beside it and brought up to date only
when somebody asks for it: new keys are put in place, keys that are gone are passed over, and swept
out once they are half of all.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from typing import Generic, TypeVar

V = TypeVar("V")

#: Fewer new keys than this are put in place one by one; more are sorted in.
FEW = 16


class SortedBytes(Generic[V]):
    __slots__ = ("_new", "_order", "entries")

    def __init__(self) -> None:
        self.entries: dict[bytes, V] = {}
        #: All keys up to the last read in order, perhaps with some that are gone.
        self._order: list[bytes] = []
        #: Keys that came since.
        self._new: list[bytes] = []

    def __len__(self) -> int:
        return len(self.entries)

    def get(self, key: bytes) -> V | None:
        return self.entries.get(key)

    def put(self, key: bytes, value: V) -> None:
        is_new = key not in self.entries
        self.entries[key] = value
        if is_new:
            self._new.append(key)
            if len(self._new) > 2 * len(self.entries) + FEW:  # the same keys come and go
                self._in_order()

    def pop(self, key: bytes) -> V | None:
        return self.entries.pop(key, None)

    def range(
        self, first: bytes | None, last: bytes | None, *, until: bytes | None = None
    ) -> list[tuple[bytes, V]]:
        """What lies from `first` to `last`, both in, or before `until`; None is open. A
        snapshot."""
        order = self._in_order()
        start = 0 if first is None else bisect_left(order, first)
        end = len(order) if last is None else bisect_right(order, last)
        if until is not None:
            end = bisect_left(order, until)
        entries = self.entries
        return [(key, entries[key]) for key in order[start:end] if key in entries]

    def prefixed(self, prefix: bytes) -> list[tuple[bytes, V]]:
        return self.range(prefix, None, until=after_prefix(prefix))

    def items(self) -> Iterator[tuple[bytes, V]]:
        return iter(self.range(None, None))

    def _in_order(self) -> list[bytes]:
        new, order = self._new, self._order
        if new:
            self._new = []
            if len(new) < FEW:
                for key in new:
                    place = bisect_left(order, key)
                    if place == len(order) or order[place] != key:
                        insort(order, key)
            else:
                order = self._order = sorted({*order, *new})
        if len(order) > 2 * len(self.entries) + FEW:
            order = self._order = [key for key in order if key in self.entries]
        return order


def after_prefix(prefix: bytes) -> bytes | None:
    """The first key behind all that begin with the prefix; None where there is none."""
    stem = prefix.rstrip(b"\xff")
    return stem[:-1] + bytes([stem[-1] + 1]) if stem else None
