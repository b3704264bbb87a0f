"""The key-value store: one value a key, with its time and headers where the row says so.

On disk Kafka puts eight bytes of time before the value; here an entry is (value, time, headers).
The changelog's time is the one that the value was put with; a removal has the record's. A store
without times answers -1 for them.
"""

from __future__ import annotations

from typing import Any

from ottla.streams.execution import Headers
from ottla.streams.plan.stores import Store
from ottla.streams.reference.context import UNKNOWN, Context
from ottla.streams.reference.records import Stamped, stamped
from ottla.streams.reference.stores.sorted_bytes import SortedBytes
from ottla.streams.reference.stores.store import StateStore

#: (value's bytes, timestamp, headers)
Entry = tuple[bytes, int, Headers]


class KeyValueStore(StateStore):
    def __init__(self, row: Store, context: Context, changelog: str | None) -> None:
        super().__init__(row, context, changelog)
        self.map: SortedBytes[Entry] = SortedBytes()
        self.writes = 0
        self.stamped = (row.timestamped or row.with_headers) and not row.times_lost

    def estimate(self) -> int:
        """How many keys there are; on disk Kafka says how many writes there were less removals."""
        return max(0, self.writes) if self.row.persistent else len(self.map)

    def get(self, key: Any, as_of: int | None = None) -> Stamped | None:
        raw = self.write_key(key)
        entry = None if raw is None else self.map.entries.get(raw)
        return None if entry is None else self.opened(entry)

    def opened(self, entry: Entry) -> Stamped:
        return stamped((self.read_value(entry[0]), entry[1], entry[2]))

    def ordered(self) -> SortedBytes[Entry]:
        """Everything, to be read in the order of the keys' bytes."""
        return self.map

    def put(self, key: Any, value: Any, timestamp: int, headers: Headers = ()) -> bool | None:
        """Keep the value; None removes the key.

        Whether it is now the latest of its key (here always); a versioned store gives None where it
        keeps nothing.
        """
        raw = self.write_key(key)
        data = None if value is None else self.write_value(value)
        assert raw is not None
        if data is None:
            self.remove(raw)
            return True
        if not self.logs_headers:
            headers = ()
        kept = headers if self.row.with_headers else ()
        self.keep(raw, (data, timestamp if self.stamped else UNKNOWN, kept))
        self.log(raw, data, timestamp, headers)
        return True

    def keep(self, raw: bytes, entry: Entry) -> None:
        self.map.put(raw, entry)
        self.writes += 1

    def remove(self, raw: bytes) -> None:
        self.map.pop(raw)
        self.writes -= 1
        headers = self.context.headers if self.logs_headers else ()
        self.log(raw, None, self.context.timestamp, headers)

    def dump(self) -> list[tuple[Any, Any]]:
        return [(self.read_key(raw), self.opened(entry)) for raw, entry in self.map.items()]


class LruStore(KeyValueStore):
    """Keeps the `entries_max` keys that were read or written last; others leave with a
    tombstone."""

    def __init__(self, row: Store, context: Context, changelog: str | None) -> None:
        super().__init__(row, context, changelog)
        #: Keys, the longest unused first.
        self.used: dict[bytes, None] = {}

    def get(self, key: Any, as_of: int | None = None) -> Stamped | None:
        raw = self.write_key(key)
        if raw is not None and raw in self.used:
            self.touch(raw)
        return super().get(key)

    def keep(self, raw: bytes, entry: Entry) -> None:
        super().keep(raw, entry)
        self.touch(raw)
        if len(self.used) > self.row.entries_max:
            eldest = next(iter(self.used))
            del self.used[eldest]
            self.map.pop(eldest)
            if not self.row.timestamped:
                self.log(eldest, None, self.context.timestamp)

    def remove(self, raw: bytes) -> None:
        self.used.pop(raw, None)
        super().remove(raw)

    def touch(self, raw: bytes) -> None:
        self.used.pop(raw, None)
        self.used[raw] = None
