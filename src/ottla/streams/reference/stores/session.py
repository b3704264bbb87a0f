"""The session store: one value a key and session. Kafka's key is the key's bytes, then end and
start.

What ended longer ago than the retention, by the highest end that was ever put, cannot be read.
"""

from __future__ import annotations

import struct
from bisect import bisect_left, insort
from typing import Any

from ottla.streams.execution import Headers
from ottla.streams.plan.stores import Store
from ottla.streams.reference.context import UNKNOWN, Context
from ottla.streams.reference.records import Stamped
from ottla.streams.reference.stores.store import StateStore
from ottla.streams.serdes import Windowed

SUFFIX = struct.Struct(">qq")
TIME_MAX = 2**63 - 1

#: (end, start, key): the order by time.
Place = tuple[int, int, bytes]


class SessionStore(StateStore):
    def __init__(self, row: Store, context: Context, changelog: str | None) -> None:
        super().__init__(row, context, changelog)
        self.observed = UNKNOWN
        self.entries: dict[Place, tuple[bytes, Headers]] = {}
        self.order: list[Place] = []
        #: key to (end, start) of its sessions, in order
        self.by_key: dict[bytes, list[tuple[int, int]]] = {}

    def oldest(self) -> int:
        """The first end that can be read."""
        return self.observed - self.row.retention_ms + 1

    # ------------------------------------------------------------ reads
    def find(self, key: Any, first_end: int, last_start: int) -> list[tuple[Windowed, Stamped]]:
        """The key's sessions that end at `first_end` or later and start by `last_start`, in
        order."""
        raw = self.write_key(key)
        if raw is None:
            return []
        sessions = self.by_key.get(raw, [])
        low = bisect_left(sessions, (max(first_end, self.oldest()),))
        return [
            (Windowed(key, start, end), self.opened((end, start, raw)))
            for end, start in sessions[low:]
            if start <= last_start
        ]

    def ended(self, first: int, last: int) -> list[tuple[Windowed, Stamped]]:
        """All sessions that end from `first` to `last`: on disk by end and start, then by key."""
        if not self.row.persistent:
            first = max(first, self.oldest())
        low = bisect_left(self.order, (first,))
        places = self.order[low : bisect_left(self.order, (last + 1,))]
        if not self.row.persistent:
            places.sort(key=in_memory)
        return [self.shown(place) for place in places]

    def in_order(
        self, first_end: int, last_start: int, first_key: bytes | None, last_key: bytes | None
    ) -> list[tuple[Windowed, Stamped]]:
        """As `find` for keys from and to, as Kafka's store gives them.

        One in memory by end and key; one on disk segment by segment, in each by the bytes of key,
        end and start.
        """
        low = bisect_left(self.order, (max(first_end, self.oldest()),))
        places = [
            place
            for place in self.order[low:]
            if place[1] <= last_start
            and (first_key is None or place[2] >= first_key)
            and (last_key is None or place[2] <= last_key)
        ]
        interval = self.row.segment_interval_ms or 1
        if self.row.persistent:
            places.sort(
                key=lambda place: (place[0] // interval, place[2] + SUFFIX.pack(*place[:2]))
            )
        else:
            places.sort(key=in_memory)
        return [self.shown(place) for place in places]

    def shown(self, place: Place) -> tuple[Windowed, Stamped]:
        end, start, raw = place
        return Windowed(self.read_key(raw), start, end), self.opened(place)

    def fetch_session(self, key: Any, start: int, end: int) -> Stamped | None:
        raw = self.write_key(key)
        if raw is None or end < self.oldest() or (end, start, raw) not in self.entries:
            return None
        return self.opened((end, start, raw))

    def get(self, key: Windowed, as_of: int | None = None) -> Stamped | None:
        """As the view of a table of sessions asks."""
        return self.fetch_session(key.key, key.start, key.end)

    def opened(self, place: Place) -> Stamped:
        data, headers = self.entries[place]
        return Stamped(self.read_value(data), place[0], headers)

    def dump(self) -> list[tuple[Any, Any]]:
        return self.in_order(0, TIME_MAX, None, None)

    # ------------------------------------------------------------ writes
    def put(self, key: Windowed, value: Any, headers: Headers = ()) -> None:
        """Keep a session's value; None removes the session."""
        raw = self.write_key(key.key)
        assert raw is not None
        data = None if value is None else self.write_value(value)
        if data is None:
            headers = self.context.headers
        if self.is_live(key.end):
            place = (key.end, key.start, raw)
            if data is None:
                self.drop(place)
            else:
                if place not in self.entries:
                    insort(self.order, place)
                    insort(self.by_key.setdefault(raw, []), place[:2])
                self.entries[place] = (data, headers if self.row.with_headers else ())
            self.expire()
        else:
            self.context.skip(self.name, "it came too late for the store")
        self.log_session(raw, key, data, headers)

    def remove(self, key: Windowed) -> None:
        raw = self.write_key(key.key)
        assert raw is not None
        if self.row.persistent:
            self.observed = max(self.observed, key.end)
        self.drop((key.end, key.start, raw))
        self.log_session(raw, key, None, self.context.headers)

    def log_session(self, raw: bytes, key: Windowed, data: bytes | None, headers: Headers) -> None:
        suffix = SUFFIX.pack(key.end, key.start)
        headers = headers if self.row.with_headers else ()
        self.log(raw + suffix, data, self.context.timestamp, headers)

    def is_live(self, end: int) -> bool:
        self.observed = max(self.observed, end)
        limit = self.observed - self.row.retention_ms
        if not self.row.persistent:
            return end > limit
        interval = self.row.segment_interval_ms or 1
        return limit < 0 or end // interval >= limit // interval

    def drop(self, place: Place) -> None:
        if self.entries.pop(place, None) is None:
            return
        del self.order[bisect_left(self.order, place)]
        sessions = self.by_key[place[2]]
        del sessions[bisect_left(sessions, place[:2])]
        if not sessions:
            del self.by_key[place[2]]

    def expire(self) -> None:
        """Drop what no read can reach any more: whole segments on disk, sessions in memory."""
        limit = self.observed - self.row.retention_ms
        interval = self.row.segment_interval_ms or 1
        first = limit // interval * interval if self.row.persistent else limit + 1
        while self.order and self.order[0][0] < first:
            self.drop(self.order[0])


def in_memory(place: Place) -> tuple[int, bytes, int]:
    """The order of a store in memory: by end, by key, the latest start first."""
    return place[0], place[2], -place[1]
