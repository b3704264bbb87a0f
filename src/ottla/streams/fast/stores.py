"""Stores of the core as the faces ask them (`ottla.streams.faces`).

What the core cannot do is done here: a bound of a range may be any number, and what only operators
use comes as bytes and is read by the plan's own serdes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from ottla._core import StreamsStore, StreamsTask
from ottla.streams.execution import Headers
from ottla.streams.faces import TIME_MAX, TIME_MIN, Held, WindowItem, face_over
from ottla.streams.plan.stores import Store, StoreKind
from ottla.streams.processors import ValueAndTimestamp
from ottla.streams.serdes import Serde, Windowed


class Backend:
    #: Whether what `dump` gives carries its time.
    stamped = False

    def __init__(self, store: StreamsStore, row: Store) -> None:
        self.store = store
        self.row = row

    def dump(self) -> Iterable[tuple[Any, Any]]:
        read_key, read_value = _reader(self.row.key, is_key=True), _reader(self.row.value)
        found = [
            (read_key(raw), read_value(data), timestamp, headers)
            for raw, data, timestamp, headers in self.store.dump()
        ]
        if not self.stamped:
            return [(key, value) for key, value, *_ in found]
        return [(key, self._stamp(*held)) for key, *held in found]

    def _stamp(self, value: Any, timestamp: int, headers: Headers) -> ValueAndTimestamp:
        return ValueAndTimestamp(value, timestamp, headers)


class SubscriptionBackend(Backend):
    stamped = True

    def _stamp(self, value: Any, timestamp: int, headers: Headers) -> ValueAndTimestamp:
        row = self.row
        keeps_times = (row.timestamped or row.with_headers) and not row.times_lost
        kept = headers if row.with_headers else ()
        return ValueAndTimestamp(value, timestamp if keeps_times else -1, kept)


class KeyValueBackend(Backend):
    def __init__(self, store: StreamsStore, row: Store) -> None:
        super().__init__(store, row)
        # What processors ask most goes to the core at once.
        self.get, self.put = store.get, store.put

    def range(self, first: Any, last: Any, *, reverse: bool) -> Iterator[tuple[Any, Held]]:
        found = self.store.range(first, last)
        return reversed(found) if reverse else iter(found)

    def prefix(self, prefix: bytes) -> Iterator[tuple[Any, Held]]:
        return iter(self.store.prefix(bytes(prefix)))

    def count(self) -> int:
        return self.store.count()

    def estimate(self) -> int:
        return self.store.estimate()


class WindowBackend(Backend):
    def __init__(self, store: StreamsStore, row: Store) -> None:
        super().__init__(store, row)
        self.put = store.window_put

    def fetch(self, key: Any, start: int) -> Held | None:
        return self.store.window_get(key, _time(start))

    def between(self, key: Any, first: int, last: int) -> Sequence[tuple[int, Held]]:
        return self.store.window_fetch(key, _time(first), _time(last))

    def range(self, first_key: Any, last_key: Any, first: int, last: int) -> Sequence[WindowItem]:
        return self.store.window_range(first_key, last_key, _time(first), _time(last))


class SessionBackend(Backend):
    def fetch(self, key: Any, start: int, end: int) -> Held | None:
        return self.store.session_get(key, _time(start), _time(end))

    def put(self, key: Windowed, value: Any, headers: Headers) -> None:
        self.store.session_put(key.key, key.start, key.end, value, headers)

    def remove(self, key: Windowed) -> None:
        self.store.session_remove(key.key, key.start, key.end)

    def find(self, key: Any, first_end: int, last_start: int) -> Sequence[WindowItem]:
        found = self.store.session_find(key, _time(first_end), _time(last_start))
        return [(Windowed(key, start, end), held) for start, end, held in found]

    def range(
        self, first_key: Any, last_key: Any, first_end: int, last_start: int
    ) -> Sequence[WindowItem]:
        bounds = _time(first_end), _time(last_start)
        return self.store.session_range(first_key, last_key, *bounds)


class VersionedBackend(Backend):
    stamped = True

    def get(self, key: Any, as_of: int | None) -> Held | None:
        return self.store.get(key, None if as_of is None else _time(as_of))

    def put(self, key: Any, value: Any, timestamp: int) -> int:
        return self.store.version_put(key, value, timestamp)

    def delete(self, key: Any, timestamp: int) -> Held | None:
        return self.store.version_delete(key, timestamp)


BACKENDS: dict[StoreKind, Callable[[StreamsStore, Store], Backend]] = {
    StoreKind.KEY_VALUE: KeyValueBackend,
    StoreKind.LRU: KeyValueBackend,
    StoreKind.WINDOW: WindowBackend,
    StoreKind.SESSION: SessionBackend,
    StoreKind.VERSIONED: VersionedBackend,
    StoreKind.SUBSCRIPTION: SubscriptionBackend,
}


def face_of(task: StreamsTask, row: Store, *, read_only: bool) -> Any:
    """A store of a task as a processor or a test is given it."""
    backend = BACKENDS.get(row.kind, Backend)(StreamsStore(task, row.name), row)
    return face_over(backend, read_only=read_only)


def _time(given: int) -> int:
    """A bound in time as the core takes it: beyond 64 bits there is nothing."""
    return min(max(given, TIME_MIN), TIME_MAX)


def _reader(serde: Serde | None, *, is_key: bool = False) -> Callable[[bytes | None], Any]:
    if serde is None:
        return lambda data: data
    return (serde.as_key() if is_key else serde).deserialize
