"""The window store: one value a key and window start, or every record of them
(`retain_duplicates`).

Kafka's key is the key's bytes, eight bytes of start, four of a sequence number. What is older than
the retention, by the highest start that was ever put, cannot be read; a store on disk still takes
what falls into a segment that is not dropped yet, one in memory does not. A write that comes too
late for the store is in the changelog all the same.
"""

from __future__ import annotations

import struct
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from typing import Any

from ottla.streams.execution import Headers
from ottla.streams.plan.stores import Store
from ottla.streams.reference.context import UNKNOWN, Context
from ottla.streams.reference.records import Stamped, stamped
from ottla.streams.reference.stores.key_value import Entry
from ottla.streams.reference.stores.store import StateStore
from ottla.streams.serdes import Windowed

SUFFIX = struct.Struct(">qi")
TIME_MAX = 2**63 - 1
SEQUENCE_MASK = 0x7FFFFFFF


class WindowStore(StateStore):
    def __init__(self, row: Store, context: Context, changelog: str | None) -> None:
        super().__init__(row, context, changelog)
        #: Kafka orders the store of windows that are emitted on close by time first: it keeps what
        #: is exactly as old as the retention.
        self.time_ordered = False
        self.stamped = row.timestamped or row.with_headers
        #: All records of one key and time are kept; on disk by numbers, where None is not put.
        self.duplicates = row.retain_duplicates
        self.numbered = row.retain_duplicates and row.persistent
        #: How many records were put; of duplicates, where the last one stands.
        self.sequence = 0
        self.newest: tuple[bytes, int] | None = None
        #: The highest start that was put; the first that can be read, and that can be put.
        self.observed = self.readable = self.live = UNKNOWN
        #: start to key to entries (one, but where duplicates are retained)
        self.windows: dict[int, dict[bytes, list[Entry]]] = {}
        self.starts: list[int] = []
        #: key to its starts, in order
        self.by_key: dict[bytes, list[int]] = {}

    def order_by_time(self) -> None:
        """Windows that are emitted on close: Kafka has them on disk by time, and still shows
        what is exactly as old as the retention.
        """
        self.time_ordered = self.row.persistent

    def observe(self, start: int) -> None:
        """A start that is higher than all before: what is too old by it goes.

        A store on disk drops whole segments, and takes what falls into one that it still has.
        """
        self.observed = start
        limit = start - self.row.retention_ms
        self.readable = limit if self.time_ordered else min(limit + 1, TIME_MAX)
        self.live = limit + 1
        if self.row.persistent:
            self.live = max(0, limit) // self.interval() * self.interval()
        if self.starts and self.starts[0] < self.live:
            self.expire()

    def end_of(self, start: int) -> int:
        return min(start + self.row.window_size_ms, TIME_MAX)

    # ------------------------------------------------------------ reads
    def fetch(self, key: Any, start: int) -> Stamped | None:
        raw = self.write_key(key)
        return None if raw is None else self.fetch_raw(raw, start)

    def fetch_raw(self, raw: bytes, start: int) -> Stamped | None:
        keys = self.windows.get(start)
        entries = None if keys is None else keys.get(raw)
        if entries is None or start < self.readable:
            return None
        if self.duplicates and self.newest != (raw, start):
            return None  # Kafka asks for the number of the record that was put last
        data, timestamp, headers = entries[-1]
        return stamped((self.read_value(data), timestamp, headers))

    def get(self, key: Windowed, as_of: int | None = None) -> Stamped | None:
        """As the view of a windowed table asks."""
        return self.fetch(key.key, key.start)

    def between(self, key: Any, first: int, last: int) -> list[tuple[int, Stamped]]:
        """The key's windows that start from `first` to `last`, both in, in order."""
        raw = self.write_key(key)
        starts = self.by_key.get(raw, []) if raw is not None else []
        low = bisect_left(starts, max(first, self.readable))
        high = bisect_right(starts, last)
        return [
            (start, self.opened(entry))
            for start in starts[low:high]
            for entry in self.windows[start][raw]  # type: ignore[index]
        ]

    def by_time(self, first: int, last: int) -> Iterator[tuple[Windowed, Stamped]]:
        """All windows that start from `first` to `last`, by start, then by the key's bytes."""
        low = bisect_left(self.starts, max(first, self.readable))
        for start in self.starts[low : bisect_right(self.starts, last)]:
            for raw, entries in sorted(self.windows[start].items()):
                for entry in entries:
                    yield (
                        Windowed(self.read_key(raw), start, self.end_of(start)),
                        self.opened(entry),
                    )

    def in_order(
        self, first: int, last: int, first_key: bytes | None = None, last_key: bytes | None = None
    ) -> list[tuple[Windowed, Stamped]]:
        """Windows that start from `first` to `last`, of keys from and to, as Kafka's store gives
        them.

        One in memory by start and key; one on disk segment by segment, in each by the bytes of key
        and start.
        """
        interval = 0 if self.time_ordered or not self.row.persistent else self.interval()
        low = bisect_left(self.starts, max(first, self.readable))
        found = []
        for start in self.starts[low : bisect_right(self.starts, last)]:
            for raw, entries in self.windows[start].items():
                if first_key is not None and raw < first_key:
                    continue
                if last_key is not None and raw > last_key:
                    continue
                place: Any = (start, raw)
                if interval:
                    place = (start // interval, raw + SUFFIX.pack(start, 0))
                window = Windowed(self.read_key(raw), start, self.end_of(start))
                found += [(place, (window, self.opened(entry))) for entry in entries]
        found.sort(key=lambda item: item[0])
        return [item for _, item in found]

    def interval(self) -> int:
        """How long a segment on disk is, in ms."""
        return self.row.segment_interval_ms or 1

    def opened(self, entry: Entry) -> Stamped:
        return stamped((self.read_value(entry[0]), entry[1], entry[2]))

    def dump(self) -> list[tuple[Any, Any]]:
        return self.in_order(0, TIME_MAX)

    # ------------------------------------------------------------ writes
    def put(
        self, key: Any, value: Any, start: int, timestamp: int | None = None, headers: Headers = ()
    ) -> None:
        """Keep a value; None removes the window. Without a timestamp it is the record's."""
        raw = self.write_key(key)
        assert raw is not None
        self.put_raw(raw, value, start, self.context.timestamp if timestamp is None else timestamp,
                     headers)  # fmt: skip

    def put_raw(
        self, raw: bytes, value: Any, start: int, timestamp: int, headers: Headers = ()
    ) -> None:
        data = None if value is None else self.write_value(value)
        if not self.logs_headers:
            headers = ()
        elif data is None:
            headers = self.context.headers
        if data is not None or not self.numbered:
            kept = headers if self.row.with_headers else ()
            self.keep(raw, start, data, timestamp if self.stamped else UNKNOWN, kept)
        if self.duplicates:
            self.sequence = (self.sequence + 1) & SEQUENCE_MASK
        if self.changelog is not None:
            logged = self.context.timestamp if data is None else timestamp
            place = raw + SUFFIX.pack(start, self.sequence)
            self.context.produce(self.changelog, place, data, logged, headers)

    def keep(
        self, raw: bytes, start: int, data: bytes | None, timestamp: int, headers: Headers
    ) -> None:
        if start > self.observed:
            self.observe(start)
        if start < self.live:
            self.newest = None
            self.context.skip(self.name, "it came too late for the store")
            return
        keys = self.windows.get(start)
        if data is None:
            if keys is not None and raw in keys and not self.duplicates:
                del keys[raw]
                self.forget_key(raw, start)
            return
        entry = (data, timestamp, headers)
        if keys is None:
            keys = self.windows[start] = {}
            insort(self.starts, start)
        entries = keys.get(raw)
        if entries is None:
            keys[raw] = [entry]
            insort(self.by_key.setdefault(raw, []), start)
        elif self.duplicates:
            entries.append(entry)
        else:
            entries[0] = entry
        if self.numbered:
            self.newest = (raw, start)

    def expire(self) -> None:
        gone = bisect_left(self.starts, self.live)
        for start in self.starts[:gone]:
            for raw in self.windows.pop(start):
                self.forget_key(raw, start)
        del self.starts[:gone]

    def forget_key(self, raw: bytes, start: int) -> None:
        starts = self.by_key[raw]
        del starts[bisect_left(starts, start)]
        if not starts:
            del self.by_key[raw]
