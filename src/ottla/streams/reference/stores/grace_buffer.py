"""The buffer of a stream-table join with grace: a stream's records by time until the grace has
passed.

Its key is a zero byte, the time, the record's key, and a number that counts all records, so that
none takes another's place. Both a record and its removal are in the changelog at once, at the
producer's time; the value is the record's place and value (`buffered`), then eight zero bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any

from ottla.streams.errors import ProcessingError
from ottla.streams.plan.stores import Store
from ottla.streams.reference.context import UNKNOWN, Context
from ottla.streams.reference.stores.buffered import Buffered, Place, read_buffered
from ottla.streams.reference.stores.store import StateStore

_HEAD, _TAIL = struct.Struct(">Bq"), struct.Struct(">i")
SEQUENCE_MASK = 0x7FFFFFFF
NO_TIME = bytes(8)


class GraceBuffer(StateStore):
    def __init__(self, row: Store, context: Context, changelog: str | None) -> None:
        super().__init__(row, context, changelog)
        #: (key in the buffer, record), the first in front: nothing else is ever removed
        self.order: list[tuple[bytes, bytes]] = []
        self.observed = UNKNOWN
        self.sequence = 0

    def put(self, key: Any, value: Any, timestamp: int) -> bool:
        """Keep a record; False, and nothing kept, where its grace has passed already."""
        if self.observed - self.row.grace_ms > timestamp:
            return False
        raw = self.write_key(key)
        if raw is None:
            raise ProcessingError(
                f"the buffer {self.name} was given a record without a key",
                hint="filter such records out before the join, or join without grace",
            )
        self.sequence = self.sequence + 1 & SEQUENCE_MASK
        place = _HEAD.pack(0, timestamp) + raw + _TAIL.pack(self.sequence)
        data = Buffered(None, None, self.write_value(value), self.context.record()).written()
        self.observed = max(self.observed, timestamp)
        heappush(self.order, (place, data))
        self.log(place, data + NO_TIME, UNKNOWN)
        return True

    def evict(self, emit: Callable[[Any, Any, Place], None]) -> None:
        """Emit and remove what has had its grace, the earliest first."""
        due = self.observed - self.row.grace_ms
        while self.order and _HEAD.unpack_from(self.order[0][0])[1] <= due:
            place, data = self.order[0]
            record = read_buffered(data)
            raw = place[_HEAD.size : -_TAIL.size]
            emit(self.read_key(raw), self.read_value(record.new), record.place)
            heappop(self.order)
            self.log(place, None, UNKNOWN)

    def dump(self) -> list[tuple[Any, Any]]:
        return [
            (self.read_key(place[_HEAD.size : -_TAIL.size]), self.read_value(each.new))
            for place, each in sorted((place, read_buffered(data)) for place, data in self.order)
        ]
