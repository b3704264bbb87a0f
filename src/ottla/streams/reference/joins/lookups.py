"""Joins of a stream with a table: each record looks up one key, and the table causes nothing.

What has no key, or no value, is skipped; a left join only skips what has no value. With a grace
period the records wait in a buffer by their time, and each then meets the version of the table that
held at its time; what comes later than the grace joins at once.
"""

from __future__ import annotations

from typing import Any

from ottla.streams.execution import Headers
from ottla.streams.plan import operators as plan
from ottla.streams.reference.joins.streams import JOINED
from ottla.streams.reference.operator import Operator, Wiring, bind
from ottla.streams.reference.stores.buffered import Place

NO_JOIN = "the join's key or the value is null"


class StreamTableJoin(Operator):
    def __init__(self, row: plan.StreamTableJoin, wiring: Wiring) -> None:
        super().__init__(wiring)
        self.left = row.kind == "left"
        self.joiner = bind(row.joiner, JOINED)
        self.table = wiring.view(row.table)
        self.versioned = row.versioned
        self.buffer = None if row.buffer is None else wiring.store(row.buffer)

    def process(self, key: Any, value: Any, timestamp: int, headers: Headers) -> None:
        if value is None or (key is None and not self.left):
            self.skip(NO_JOIN)
        elif self.buffer is None or not self.buffer.put(key, value, timestamp):
            self.join(key, value, timestamp, headers)
        else:
            self.buffer.evict(self.join_in_its_place)

    def join(self, key: Any, value: Any, timestamp: int, headers: Headers) -> None:
        held = None
        if key is not None:
            held = self.table.get(key, timestamp) if self.versioned else self.table.get(key)
        if held is not None or self.left:
            other = None if held is None else held.value
            self.forward(key, self.joiner(key, value, other), timestamp, headers)

    def join_in_its_place(self, key: Any, value: Any, place: Place) -> None:
        """A buffered record joins as if it came now from where it came then."""
        before = self.context.record()
        self.context.set_record(place)
        try:
            self.join(key, value, place[0], place[1])
        finally:
            self.context.set_record(before)


class StreamGlobalJoin(Operator):
    """The key to look up is chosen from the record; a left join keeps what chooses none."""

    def __init__(self, row: plan.StreamGlobalJoin, wiring: Wiring) -> None:
        super().__init__(wiring)
        self.left = row.kind == "left"
        self.selector = bind(row.selector, ("key", "value"))
        self.joiner = bind(row.joiner, JOINED)
        self.table = wiring.view(row.table)

    def process(self, key: Any, value: Any, timestamp: int, headers: Headers) -> None:
        wanted = self.selector(key, value)
        if value is None or (wanted is None and not self.left):
            self.skip(NO_JOIN)
            return
        held = None if wanted is None else self.table.get(wanted)
        if held is not None or self.left:
            other = None if held is None else held.value
            self.forward(key, self.joiner(key, value, other), timestamp, headers)
