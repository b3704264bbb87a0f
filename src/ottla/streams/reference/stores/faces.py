"""Stores as users see them: plain values, or values with their times where the store keeps times.

Iterators see the store as it was when they were made, in the order of the keys' bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ottla.streams.errors import ProcessingError, ReadOnlyStore
from ottla.streams.execution import Headers
from ottla.streams.reference.records import Stamped
from ottla.streams.reference.stores.key_value import KeyValueStore
from ottla.streams.reference.stores.session import SessionStore
from ottla.streams.reference.stores.store import StateStore
from ottla.streams.reference.stores.versioned import VersionedStore
from ottla.streams.reference.stores.window import TIME_MAX, WindowStore
from ottla.streams.serdes import Windowed


class Face:
    """What all faces have: whether one may write, and how a value looks."""

    def __init__(self, store: Any, *, read_only: bool) -> None:
        self._store = store
        self._read_only = read_only
        self._stamped = store.row.timestamped or store.row.with_headers

    @property
    def name(self) -> str:
        name: str = self._store.name
        return name

    def _shown(self, held: Stamped | None) -> Any:
        return held if held is None or self._stamped else held.value

    def _given(self, value: Any) -> tuple[Any, int, Headers]:
        """A value that a user puts: (value, timestamp, headers)."""
        if self._stamped and isinstance(value, Stamped):
            return value.value, value.timestamp, value.headers
        if self._stamped and value is not None:
            raise ProcessingError(
                f"the store {self.name} keeps times, and got a {type(value).__name__}",
                hint="put a ValueAndTimestamp into it",
            )
        return value, self._store.context.timestamp, ()

    def _check_writable(self) -> None:
        if self._read_only:
            raise ReadOnlyStore(
                f"the store {self.name} may only be read here",
                hint="a global store is written by its topic alone",
            )


class KeyValueFace(Face):
    _store: KeyValueStore

    def get(self, key: Any) -> Any:
        return self._shown(self._store.get(key))

    def put(self, key: Any, value: Any) -> None:
        self._check_writable()
        self._store.put(key, *self._given(value))

    def put_if_absent(self, key: Any, value: Any) -> Any:
        """Put where there is nothing; what was there, else None."""
        self._check_writable()
        held = self.get(key)
        if held is None:
            self.put(key, value)
        return held

    def put_all(self, items: Iterable[tuple[Any, Any]]) -> None:
        for key, value in items:
            self.put(key, value)

    def delete(self, key: Any) -> Any:
        """Remove the key; what was there, else None."""
        self._check_writable()
        held = self.get(key)
        self._store.put(key, None, self._store.context.timestamp)
        return held

    def range(self, first: Any, last: Any) -> Iterator[tuple[Any, Any]]:
        """Keys from `first` to `last` by their bytes, both in; None is open."""
        write = self._store.write_key
        return self._items(self._store.ordered().range(write(first), write(last)))

    def reverse_range(self, first: Any, last: Any) -> Iterator[tuple[Any, Any]]:
        write = self._store.write_key
        return self._items(reversed(self._store.ordered().range(write(first), write(last))))

    def prefix(self, prefix: bytes) -> Iterator[tuple[Any, Any]]:
        """Keys whose bytes begin with `prefix`."""
        return self._items(self._store.ordered().prefixed(prefix))

    def all(self) -> Iterator[tuple[Any, Any]]:
        return self._items(self._store.ordered().range(None, None))

    def reverse_all(self) -> Iterator[tuple[Any, Any]]:
        return self._items(reversed(self._store.ordered().range(None, None)))

    def __len__(self) -> int:
        return len(self._store.ordered())

    def approximate_num_entries(self) -> int:
        """Kafka's estimate of how many keys it holds; `len` says it exactly."""
        return self._store.estimate()

    def _items(self, found: Iterable[tuple[bytes, Any]]) -> Iterator[tuple[Any, Any]]:
        store = self._store
        for raw, entry in found:
            yield store.read_key(raw), self._shown(store.opened(entry))


class WindowFace(Face):
    _store: WindowStore

    def put(self, key: Any, value: Any, start: int) -> None:
        self._check_writable()
        plain, timestamp, headers = self._given(value)
        self._store.put(key, plain, start, timestamp, headers)

    def fetch(self, key: Any, start: int) -> Any:
        return self._shown(self._store.fetch(key, start))

    def fetch_range(self, key: Any, first: int, last: int) -> Iterator[tuple[int, Any]]:
        """The key's (start, value) of windows that start from `first` to `last`, both in."""
        found = self._store.between(key, first, last)
        return ((start, self._shown(held)) for start, held in found)

    def reverse_fetch_range(self, key: Any, first: int, last: int) -> Iterator[tuple[int, Any]]:
        found = self._store.between(key, first, last)
        return ((start, self._shown(held)) for start, held in reversed(found))

    def fetch_keys(
        self, first_key: Any, last_key: Any, first: int, last: int
    ) -> Iterator[tuple[Windowed, Any]]:
        """Windows of keys from and to by their bytes (None is open) that start in that time."""
        return self._items(self._keys(first_key, last_key, first, last))

    def reverse_fetch_keys(
        self, first_key: Any, last_key: Any, first: int, last: int
    ) -> Iterator[tuple[Windowed, Any]]:
        return self._items(reversed(self._keys(first_key, last_key, first, last)))

    def fetch_all(self, first: int, last: int) -> Iterator[tuple[Windowed, Any]]:
        """All windows that start from `first` to `last`, both in."""
        return self._items(self._keys(None, None, first, last))

    def reverse_fetch_all(self, first: int, last: int) -> Iterator[tuple[Windowed, Any]]:
        return self._items(reversed(self._keys(None, None, first, last)))

    def all(self) -> Iterator[tuple[Windowed, Any]]:
        return self.fetch_all(0, TIME_MAX)

    def reverse_all(self) -> Iterator[tuple[Windowed, Any]]:
        return self.reverse_fetch_all(0, TIME_MAX)

    def _keys(
        self, first_key: Any, last_key: Any, first: int, last: int
    ) -> list[tuple[Windowed, Stamped]]:
        write = self._store.write_key
        return self._store.in_order(first, last, write(first_key), write(last_key))

    def _items(self, found: Iterable[tuple[Windowed, Stamped]]) -> Iterator[tuple[Windowed, Any]]:
        return ((window, self._shown(held)) for window, held in found)


class SessionFace(Face):
    _store: SessionStore

    def put(self, key: Windowed, value: Any) -> None:
        self._check_writable()
        headers: Headers = ()
        if self._stamped and isinstance(value, Stamped):
            value, headers = value.value, value.headers
        self._store.put(key, value, headers)

    def remove(self, key: Windowed) -> None:
        self._check_writable()
        self._store.remove(key)

    def fetch_session(self, key: Any, start: int, end: int) -> Any:
        return self._shown(self._store.fetch_session(key, start, end))

    def find_sessions(
        self, key: Any, first_end: int, last_start: int
    ) -> Iterator[tuple[Windowed, Any]]:
        """Sessions that end at `first_end` or later and start at `last_start` or before."""
        return self._items(self._store.find(key, first_end, last_start))

    def reverse_find_sessions(
        self, key: Any, first_end: int, last_start: int
    ) -> Iterator[tuple[Windowed, Any]]:
        return self._items(reversed(self._store.find(key, first_end, last_start)))

    def find_keys(
        self, first_key: Any, last_key: Any, first_end: int = 0, last_start: int = TIME_MAX
    ) -> Iterator[tuple[Windowed, Any]]:
        """As `find_sessions` for keys from and to by their bytes; None is open."""
        return self._items(self._keys(first_key, last_key, first_end, last_start))

    def reverse_find_keys(
        self, first_key: Any, last_key: Any, first_end: int = 0, last_start: int = TIME_MAX
    ) -> Iterator[tuple[Windowed, Any]]:
        return self._items(reversed(self._keys(first_key, last_key, first_end, last_start)))

    def fetch(self, key: Any) -> Iterator[tuple[Windowed, Any]]:
        """All sessions of a key."""
        return self.find_sessions(key, 0, TIME_MAX)

    def all(self) -> Iterator[tuple[Windowed, Any]]:
        return self.find_keys(None, None)

    def _keys(
        self, first_key: Any, last_key: Any, first_end: int, last_start: int
    ) -> list[tuple[Windowed, Stamped]]:
        write = self._store.write_key
        return self._store.in_order(first_end, last_start, write(first_key), write(last_key))

    def _items(self, found: Iterable[tuple[Windowed, Stamped]]) -> Iterator[tuple[Windowed, Any]]:
        return ((session, self._shown(held)) for session, held in found)


class VersionedFace(Face):
    """Values by key and time; the timestamp of what is found is the one at which it was put."""

    _store: VersionedStore

    def get(self, key: Any, as_of: int | None = None) -> Stamped | None:
        """The latest value, or the one that held at a time in ms."""
        return self._store.get(key, as_of)

    def put(self, key: Any, value: Any, timestamp: int) -> int:
        """Until when the value holds, in ms; -1 is for ever, -2**63 that it came too late."""
        self._check_writable()
        return self._store.put_version(key, value, timestamp)

    def delete(self, key: Any, timestamp: int) -> Stamped | None:
        """Remove the key from a time on; what held there."""
        self._check_writable()
        return self._store.delete(key, timestamp)

    def all(self) -> Iterator[tuple[Any, Any]]:
        """The latest value of each key."""
        return iter(self._store.dump())


class Dump(Face):
    """Stores that only operators use: everything they hold can be looked at."""

    def all(self) -> Iterator[tuple[Any, Any]]:
        return iter(self._store.dump())


#: What a store looks like; others are a `Dump`.
FACES: dict[type[StateStore], Callable[..., Any]] = {
    KeyValueStore: KeyValueFace,
    WindowStore: WindowFace,
    SessionStore: SessionFace,
    VersionedStore: VersionedFace,
}


def face_of(store: StateStore, *, read_only: bool) -> Any:
    for kind in type(store).__mro__:
        if kind in FACES:
            return FACES[kind](store, read_only=read_only)
    return Dump(store, read_only=read_only)
