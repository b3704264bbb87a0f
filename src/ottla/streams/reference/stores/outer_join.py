"""What a left or outer join of streams has not joined yet, by time, side and key
(`serdes.join_sides`).

A key's value is the list of all its records of that time and side; it is written whole at each
record, and removed whole when one of them joins.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from typing import Any

from ottla.streams.plan.stores import Store
from ottla.streams.reference.context import Context
from ottla.streams.reference.stores.store import StateStore
from ottla.streams.serdes import BYTES, list_of
from ottla.streams.serdes.join_sides import JoinSideKey, JoinSideValue

LIST = list_of(BYTES)


class OuterJoinStore(StateStore):
    def __init__(self, row: Store, context: Context, changelog: str | None) -> None:
        super().__init__(row, context, changelog)
        self.values: dict[bytes, list[bytes]] = {}
        #: All keys in order, some of which may be gone; those before `start` are.
        self.order: list[bytes] = []
        self.start = 0

    def add(self, key: JoinSideKey, value: JoinSideValue) -> None:
        raw, data = self.write_key(key), self.write_value(value)
        assert raw is not None
        assert data is not None
        values = self.values.setdefault(raw, [])
        if not values:
            self.place(raw)
        values.append(data)
        self.log(raw, LIST.serialize(values), self.context.timestamp)

    def remove_if_there(self, key: JoinSideKey) -> None:
        raw = self.write_key(key)
        assert raw is not None
        if raw in self.values:
            self.remove(raw)

    def remove(self, raw: bytes) -> None:
        del self.values[raw]
        self.log(raw, None, self.context.timestamp)

    def place(self, raw: bytes) -> None:
        """Put a new key where it belongs: mostly at the end, for keys begin with times."""
        order = self.order
        place = bisect_left(order, raw, self.start)
        if place == len(order) or order[place] != raw:
            order.insert(place, raw)

    def all(self) -> Iterator[tuple[bytes, JoinSideKey, JoinSideValue]]:
        """Every record in order, with the bytes of its key; meanwhile none is added."""
        order, values = self.order, self.values
        while self.start < len(order) and order[self.start] not in values:
            self.start += 1
        if self.start * 2 > len(order):
            del order[: self.start]
            self.start = 0
        for place in range(self.start, len(order)):
            raw = order[place]
            key = self.read_key(raw)
            for data in values.get(raw, ()):
                yield raw, key, self.read_value(data)

    def dump(self) -> list[tuple[Any, Any]]:
        return [(key, value) for _, key, value in self.all()]
