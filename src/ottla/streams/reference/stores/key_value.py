"""The key-value store: one value a key, with its time and headers where the row says so.

On disk Kafka puts eight bytes of time before the value; here an entry is (value, time, headers). The
changelog's time is the value's where values carry one, else the record's; a removal has the record's.
"""

from __future__ import annotations

from typing import Any

from ottla.streams.execution import Headers
from ottla.streams.plan.stores import Store
from ottla.streams.reference.context import Context
from ottla.streams.reference.records import Stamped
from ottla.streams.reference.stores.sorted_bytes import SortedBytes
from ottla.streams.reference.stores.store import StateStore

#: (value's bytes, timestamp, headers)
Entry = tuple[bytes, int, Headers]


class KeyValueStore(StateStore):
    def __init__(self, row: Store, context: Context, changelog: str | None) -> None:
        super().__init__(row, context, changelog)
        self.map: SortedBytes[Entry] = SortedBytes()

    def get(self, key: Any, as_of: int | None = None) -> Stamped | None:
        raw = self.write_key(key)
        entry = None if raw is None else self.map.entries.get(raw)
        return None if entry is None else self.opened(entry)

    def opened(self, entry: Entry) -> Stamped:
        return Stamped(self.read_value(entry[0]), entry[1], entry[2])

    def put(self, key: Any, value: Any, timestamp: int, headers: Headers = ()) -> bool:
        """Keep the value; None removes the key. True: it is the latest of its key (always so here)."""
        raw = self.write_key(key)
        data = None if value is None else self.write_value(value)
        assert raw is not None
        if data is None:
            self.remove(raw)
            return True
        if not self.row.with_headers:
            headers = ()
        self.map.put(raw, (data, timestamp, headers))
        logged = timestamp if self.row.timestamped else self.context.timestamp
        self.log(raw, data, logged, headers)
        return True

    def remove(self, raw: bytes) -> None:
        self.map.pop(raw)
        headers = self.context.headers if self.row.with_headers else ()
        self.log(raw, None, self.context.timestamp, headers)

    def dump(self) -> list[tuple[Any, Any]]:
        return [(self.read_key(raw), self.opened(entry)) for raw, entry in self.map.items()]
