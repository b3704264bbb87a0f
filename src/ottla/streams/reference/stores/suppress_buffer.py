"""A suppression's buffer: the latest change of each key, by the time at which the key was first
buffered.

A change of a key that is buffered takes the old one's place and keeps its time. The changelog has a
key's last state when the task commits: null where it has gone. Its values are the record's place
and values (`buffered`), then the time, under the header `v` = 3; the record's own time is the
producer's.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any

from ottla.streams.plan.stores import Store
from ottla.streams.reference.context import UNKNOWN, Context
from ottla.streams.reference.records import Change, Stamped
from ottla.streams.reference.stores.buffered import Buffered, Place
from ottla.streams.reference.stores.java_order import HashOrder
from ottla.streams.reference.stores.store import StateStore

VERSION = (("v", b"\x03"),)
TIME_SIZE = 8
TIME_MAX = 2**63 - 1


class SuppressBuffer(StateStore):
    def __init__(self, row: Store, context: Context, changelog: str | None) -> None:
        super().__init__(row, context, changelog)
        #: key to time and record
        self.records: dict[bytes, tuple[int, Buffered]] = {}
        #: (time, key), the first in front: nothing but the first is ever removed
        self.order: list[tuple[int, bytes]] = []
        self.changed = HashOrder()
        self.bytes_held = 0

    def __len__(self) -> int:
        return len(self.order)

    @property
    def time_first(self) -> int:
        return self.order[0][0] if self.order else TIME_MAX

    def put(self, time: int, key: Any, change: Change) -> None:
        """Buffer a change that belongs to `time`, in ms; a key that is buffered keeps its time."""
        raw = self.write_key(key)
        assert raw is not None
        old, new = self.write_value(change.old), self.write_value(change.new)
        prior = old
        if raw in self.records:
            time, before = self.records[raw]
            prior = before.prior
            self.bytes_held -= size_of(raw, before)
        else:
            heappush(self.order, (time, raw))
        record = Buffered(prior, old, new, self.context.record())
        self.records[raw] = time, record
        self.bytes_held += size_of(raw, record)
        if self.changelog is not None:
            self.changed.add(raw)

    def evict_while(
        self, wanted: Callable[[], bool], emit: Callable[[Any, Change, Place], None]
    ) -> None:
        """Emit the first by time, then by the key's bytes, and remove it, as long as `wanted`."""
        while self.order and wanted():
            _, raw = self.order[0]
            _, record = self.records[raw]
            change = Change(self.read_value(record.new), self.read_value(record.old))
            emit(self.read_key(raw), change, record.place)
            heappop(self.order)
            del self.records[raw]
            self.bytes_held -= size_of(raw, record)
            if self.changelog is not None:
                self.changed.add(raw)

    def prior(self, key: Any) -> tuple[bool, Stamped | None]:
        """Whether the key is buffered, and what stood there before it was."""
        raw = self.write_key(key)
        if raw is None or raw not in self.records:
            return False, None
        value = self.read_value(self.records[raw][1].prior)
        return True, None if value is None else Stamped(value, UNKNOWN)

    def commit(self) -> None:
        """Write what changed since the last commit to the changelog."""
        if not self.changed.hashes:
            return
        for raw in self.changed.taken():
            if raw in self.records:
                time, record = self.records[raw]
                data = record.written() + time.to_bytes(TIME_SIZE, signed=True)
                self.log(raw, data, UNKNOWN, VERSION)
            else:
                self.log(raw, None, UNKNOWN)

    def dump(self) -> list[tuple[Any, Any]]:
        return [
            (self.read_key(raw), self.read_value(self.records[raw][1].new))
            for _, raw in sorted(self.order)
        ]


def size_of(raw: bytes, record: Buffered) -> int:
    """Bytes that an entry counts for: its time, its key, its record."""
    return TIME_SIZE + len(raw) + record.size()
