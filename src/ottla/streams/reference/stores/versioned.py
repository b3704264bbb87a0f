"""The versioned store: what a key's value was at any time within the history's retention.

As in Kafka, the latest value of a key stands by itself, and what it was before lies in segments by
the time until which it held. A segment's entry of a key is a row of versions without gaps, up to
`until`; a version of None is a removal. One entry may be bare: a removal that nothing stands
before, `until` alone. Whole segments are dropped when their times are past the retention; the
latest value never is. What remains of removals is so Kafka's to the last one, and with it what a
late write finds.

A write is refused when it is older than the grace, which is the retention; it is in the changelog
all the same, at its own time.
"""

from __future__ import annotations

from typing import Any

from ottla.streams.execution import Headers
from ottla.streams.plan.stores import Store
from ottla.streams.reference.context import UNKNOWN, Context
from ottla.streams.reference.records import Stamped
from ottla.streams.reference.stores.sorted_bytes import SortedBytes
from ottla.streams.reference.stores.store import StateStore

#: What a write says of the time until which its version holds: for ever, and that it was refused.
UNDEFINED, NOT_PUT = -1, -(2**63)

#: (from when it holds, bytes or None for a removal)
Version = tuple[int, bytes | None]


class Entry:
    """Versions of a key in a segment, the latest first; each holds until the one before it."""

    __slots__ = ("until", "versions")

    def __init__(self, version: Version, until: int) -> None:
        self.versions = [version]
        self.until = until

    @property
    def since(self) -> int:
        return self.versions[-1][0]

    @property
    def bare(self) -> bool:
        return self.since == self.until

    def find(self, time: int) -> tuple[int, Version, int]:
        """The version that holds at a time within the entry: its place, itself, and until when."""
        place = next(place for place, version in enumerate(self.versions) if version[0] <= time)
        until = self.versions[place - 1][0] if place else self.until
        return place, self.versions[place], until

    def add_latest(self, version: Version, until: int) -> None:
        """A version after all others; a removal fills the time between, if there is any."""
        gap: list[Version] = [(self.until, None)] if version[0] > self.until else []
        self.versions = [version, *gap, *([] if self.bare else self.versions)]
        self.until = until

    def add_earliest(self, version: Version) -> None:
        self.versions = [version] if self.bare else [*self.versions, version]


class VersionedStore(StateStore):
    def __init__(self, row: Store, context: Context, changelog: str | None) -> None:
        super().__init__(row, context, changelog)
        self.retention_ms = row.history_retention_ms
        self.interval_ms = row.segment_interval_ms or default_interval(row.history_retention_ms)
        self.observed = UNKNOWN
        #: key to (time, bytes)
        self.latest: SortedBytes[tuple[int, bytes]] = SortedBytes()
        #: a segment's number to key to entry
        self.segments: dict[int, dict[bytes, Entry]] = {}

    # ------------------------------------------------------------ reads
    def get(self, key: Any, as_of: int | None = None) -> Stamped | None:
        """The latest value, or the one that held at a time; its timestamp is when it was put."""
        raw = self.write_key(key)
        found = None if raw is None else self.version(raw, as_of)
        return None if found is None else Stamped(self.read_value(found[1]), found[0])

    def version(self, raw: bytes, as_of: int | None) -> Version | None:
        latest = self.latest.get(raw)
        if latest is not None and (as_of is None or latest[0] <= as_of):
            return latest
        if as_of is None or as_of < self.observed - self.retention_ms:
            return None
        for entry in self.entries_from(raw, as_of):
            if entry.until <= as_of:
                return None
            if entry.since <= as_of:
                _, version, _ = entry.find(as_of)
                return None if version[1] is None else version
        return None

    def entries_from(self, raw: bytes, time: int) -> list[Entry]:
        """The key's entries in the segment of a time and in later ones, the latest first."""
        return [self.segments[number][raw] for number in self.numbers_from(raw, time)]

    def numbers_from(self, raw: bytes, time: int) -> list[int]:
        first = self.number_of(time)
        return sorted(
            (number for number, keys in self.segments.items() if number >= first and raw in keys),
            reverse=True,
        )

    def number_of(self, time: int) -> int:
        return time // self.interval_ms

    # ------------------------------------------------------------ writes
    def put(self, key: Any, value: Any, timestamp: int, headers: Headers = ()) -> bool | None:
        """Keep a version; None as the value is a removal.

        True: it is the latest of its key. False: a later one is known. None: it came too late.
        """
        until = self.put_version(key, value, timestamp)
        return None if until == NOT_PUT else until == UNDEFINED

    def put_version(self, key: Any, value: Any, timestamp: int) -> int:
        """As `put`; says until when the version holds, `UNDEFINED` or `NOT_PUT`."""
        raw = self.write_key(key)
        assert raw is not None
        data = None if value is None else self.write_value(value)
        until = self.put_raw(raw, data, timestamp)
        self.log(raw, data, timestamp)
        return until

    def put_raw(self, raw: bytes, data: bytes | None, time: int) -> int:
        if time < self.observed - self.retention_ms:
            self.context.skip(self.name, "it came too late for the store")
            return NOT_PUT
        self.observed = max(self.observed, time)
        self.drop_old()
        latest = self.latest.get(raw)
        if latest is not None and time >= latest[0]:
            if time > latest[0]:
                self.move(raw, latest, time)
            self.set_latest(raw, data, time)
            return UNDEFINED
        return self.put_before(raw, (time, data), None if latest is None else latest[0])

    def set_latest(self, raw: bytes, data: bytes | None, time: int) -> None:
        if data is None:
            self.latest.pop(raw)
        else:
            self.latest.put(raw, (time, data))

    def move(self, raw: bytes, version: Version, until: int) -> None:
        """A version that holds no more goes to the segment of the time until which it held."""
        segment = self.segment_of(until)
        if segment is not None and raw in segment:
            segment[raw].add_latest(version, until)
        elif segment is not None:
            segment[raw] = Entry(version, until)

    def put_before(self, raw: bytes, version: Version, until: int | None) -> int:
        """Put what is not later than the latest value; `until` is the earliest later time known."""
        time = version[0]
        for number in self.numbers_from(raw, time):
            entry = self.segments[number][raw]
            if entry.until <= time:
                break
            if entry.since <= time:
                return self.put_within(raw, number, entry, version)
            until = entry.since
        if until is None:
            self.put_last(raw, version)
            return UNDEFINED
        segment = self.segment_of(until)
        assert segment is not None  # it is later than the write, which is within the retention
        found = segment.get(raw)
        if found is None:
            segment[raw] = Entry(version, until)
        elif found.until <= time:
            found.add_latest(version, until)
        else:
            found.add_earliest(version)
        return until

    def put_within(self, raw: bytes, number: int, entry: Entry, version: Version) -> int:
        """Between an entry's versions: the one that held then goes on to hold until this one."""
        place, held, until = entry.find(version[0])
        if held[0] == version[0]:
            entry.versions[place] = version
        elif self.number_of(version[0]) != number:
            self.move(raw, held, version[0])
            entry.versions[place] = version
        else:
            entry.versions.insert(place, version)
        return until

    def put_last(self, raw: bytes, version: Version) -> None:
        """Later than all that is known of the key, which has no value now."""
        time, data = version
        if data is not None:
            self.latest.put(raw, (time, data))
            return
        segment = self.segment_of(time)
        assert segment is not None  # the write is within the retention
        entry = segment.get(raw)
        if entry is None:
            segment[raw] = Entry(version, time)
        elif entry.until != time:
            entry.add_latest((entry.until, None), time)

    def delete(self, key: Any, timestamp: int) -> Stamped | None:
        """Remove from a time on; what held there, unless it came too late."""
        held = self.get(key, timestamp)
        return held if self.put(key, None, timestamp) is not None else None

    # ------------------------------------------------------------ segments
    def segment_of(self, time: int) -> dict[bytes, Entry] | None:
        """The segment of a time; None where its times are past the retention."""
        number = self.number_of(time)
        if number < self.number_of(self.observed - self.retention_ms):
            return None
        return self.segments.setdefault(number, {})

    def drop_old(self) -> None:
        first = self.number_of(self.observed - self.retention_ms)
        for number in [number for number in self.segments if number < first]:
            del self.segments[number]

    def dump(self) -> list[tuple[Any, Any]]:
        return [
            (self.read_key(raw), Stamped(self.read_value(data), time))
            for raw, (time, data) in self.latest.items()
        ]


def default_interval(retention_ms: int) -> int:
    """How long segments are where the user does not say, in ms."""
    if retention_ms <= 60_000:
        return max(retention_ms // 3, 2_000)
    if retention_ms <= 300_000:
        return max(retention_ms // 5, 20_000)
    if retention_ms <= 3_600_000:
        return max(retention_ms // 12, 60_000)
    return max(retention_ms // 24, 300_000)
