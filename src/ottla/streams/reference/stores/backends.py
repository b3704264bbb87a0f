"""Stores of the reference executor as the faces ask them (`ottla.streams.faces`).

What is added to a store here: keys of ranges become bytes, and what is put without a time gets
that of the record at hand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Generic, TypeVar

from ottla.streams.execution import Headers
from ottla.streams.faces import Held, WindowItem, face_over
from ottla.streams.plan.stores import StoreKind
from ottla.streams.reference.stores.key_value import Entry, KeyValueStore
from ottla.streams.reference.stores.session import SessionStore
from ottla.streams.reference.stores.store import StateStore
from ottla.streams.reference.stores.versioned import VersionedStore
from ottla.streams.reference.stores.window import WindowStore
from ottla.streams.serdes import Windowed

S = TypeVar("S", bound=StateStore)


class Backend(Generic[S]):
    def __init__(self, store: S) -> None:
        self.store = store
        self.row = store.row

    def dump(self) -> Iterable[tuple[Any, Any]]:
        return self.store.dump()

    def _time(self, given: int | None) -> int:
        return self.store.context.timestamp if given is None else given


class KeyValueBackend(Backend[KeyValueStore]):
    def get(self, key: Any) -> Held | None:
        return self.store.get(key)

    def put(self, key: Any, value: Any, timestamp: int | None, headers: Headers) -> None:
        self.store.put(key, value, self._time(timestamp), headers)

    def range(self, first: Any, last: Any, *, reverse: bool) -> Iterator[tuple[Any, Held]]:
        write = self.store.write_key
        found = self.store.ordered().range(write(first), write(last))
        return self._items(reversed(found) if reverse else found)

    def prefix(self, prefix: bytes) -> Iterator[tuple[Any, Held]]:
        return self._items(self.store.ordered().prefixed(prefix))

    def count(self) -> int:
        return len(self.store.ordered())

    def estimate(self) -> int:
        return self.store.estimate()

    def _items(self, found: Iterable[tuple[bytes, Entry]]) -> Iterator[tuple[Any, Held]]:
        store = self.store
        return ((store.read_key(raw), store.opened(entry)) for raw, entry in found)


class WindowBackend(Backend[WindowStore]):
    def fetch(self, key: Any, start: int) -> Held | None:
        return self.store.fetch(key, start)

    def put(
        self, key: Any, start: int, value: Any, timestamp: int | None, headers: Headers
    ) -> None:
        self.store.put(key, value, start, self._time(timestamp), headers)

    def between(self, key: Any, first: int, last: int) -> Sequence[tuple[int, Held]]:
        return self.store.between(key, first, last)

    def range(self, first_key: Any, last_key: Any, first: int, last: int) -> Sequence[WindowItem]:
        write = self.store.write_key
        return self.store.in_order(first, last, write(first_key), write(last_key))


class SessionBackend(Backend[SessionStore]):
    def fetch(self, key: Any, start: int, end: int) -> Held | None:
        return self.store.fetch_session(key, start, end)

    def put(self, key: Windowed, value: Any, headers: Headers) -> None:
        self.store.put(key, value, headers)

    def remove(self, key: Windowed) -> None:
        self.store.remove(key)

    def find(self, key: Any, first_end: int, last_start: int) -> Sequence[WindowItem]:
        return self.store.find(key, first_end, last_start)

    def range(
        self, first_key: Any, last_key: Any, first_end: int, last_start: int
    ) -> Sequence[WindowItem]:
        write = self.store.write_key
        return self.store.in_order(first_end, last_start, write(first_key), write(last_key))


class VersionedBackend(Backend[VersionedStore]):
    def get(self, key: Any, as_of: int | None) -> Held | None:
        return self.store.get(key, as_of)

    def put(self, key: Any, value: Any, timestamp: int) -> int:
        return self.store.put_version(key, value, timestamp)

    def delete(self, key: Any, timestamp: int) -> Held | None:
        return self.store.delete(key, timestamp)


#: Of the kinds that users write; all others are only looked at.
BACKENDS: dict[StoreKind, Callable[[Any], Backend[Any]]] = {
    StoreKind.KEY_VALUE: KeyValueBackend,
    StoreKind.LRU: KeyValueBackend,
    StoreKind.WINDOW: WindowBackend,
    StoreKind.SESSION: SessionBackend,
    StoreKind.VERSIONED: VersionedBackend,
}


def face_of(store: StateStore, *, read_only: bool) -> Any:
    """A store as a processor or a test is given it."""
    return face_over(BACKENDS.get(store.row.kind, Backend)(store), read_only=read_only)
