"""What a left or outer join of streams has not joined yet, by time, side and key
(`serdes.join_sides`).

A key's value is the list of all its records of that time and side; it is written whole at each
record, and removed whole when one of them joins.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ottla.streams.plan.stores import Store
from ottla.streams.reference.context import Context
from ottla.streams.reference.stores.sorted_bytes import SortedBytes
from ottla.streams.reference.stores.store import StateStore
from ottla.streams.serdes import BYTES, list_of
from ottla.streams.serdes.join_sides import JoinSideKey, JoinSideValue

LIST = list_of(BYTES)


class OuterJoinStore(StateStore):
    def __init__(self, row: Store, context: Context, changelog: str | None) -> None:
        super().__init__(row, context, changelog)
        self.map: SortedBytes[list[bytes]] = SortedBytes()

    def add(self, key: JoinSideKey, value: JoinSideValue) -> None:
        raw, data = self.write_key(key), self.write_value(value)
        assert raw is not None
        assert data is not None
        held = self.map.get(raw)
        values = [data] if held is None else [*held, data]
        self.map.put(raw, values)
        self.log(raw, LIST.serialize(values), self.context.timestamp)

    def remove_if_there(self, key: JoinSideKey) -> None:
        raw = self.write_key(key)
        assert raw is not None
        if raw in self.map.entries:
            self.remove(raw)

    def remove(self, raw: bytes) -> None:
        self.map.pop(raw)
        self.log(raw, None, self.context.timestamp)

    def all(self) -> Iterator[tuple[bytes, JoinSideKey, JoinSideValue]]:
        """Every record as it stood at the call, in order, with the bytes of its key."""
        for raw, values in self.map.items():
            key = self.read_key(raw)
            for data in values:
                yield raw, key, self.read_value(data)

    def dump(self) -> list[tuple[Any, Any]]:
        return [(key, value) for _, key, value in self.all()]
