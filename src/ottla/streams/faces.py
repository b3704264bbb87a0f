"""Stores as users see them: plain values, or values with their times where the store keeps times.

A face is one for both executors: it says what is refused and how values look, and asks a backend of
the executor for the rest. Iterators see the store as it was when they were made, in the order of
the keys' bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from ottla.streams.errors import ProcessingError, ReadOnlyStore, StreamsError
from ottla.streams.execution import Headers
from ottla.streams.plan.stores import Store, StoreKind
from ottla.streams.processors import ValueAndTimestamp
from ottla.streams.serdes import Windowed

TIME_MIN, TIME_MAX = -(2**63), 2**63 - 1

#: What a store holds for a key: (value, timestamp, headers).
Held = tuple[Any, int, Headers]
WindowItem = tuple[Windowed, Held]


# ---------------------------------------------------------------- what an executor gives
class DumpBackend(Protocol):
    """What every store answers."""

    row: Store

    def dump(self) -> Iterable[tuple[Any, Any]]:
        """Everything it holds that can be looked at."""


class KeyValueBackend(DumpBackend, Protocol):
    """A key-value store. Without a timestamp a value is put at the time of the record at hand."""

    def get(self, key: Any) -> Held | None: ...

    def put(self, key: Any, value: Any, timestamp: int | None, headers: Headers) -> object: ...

    def range(self, first: Any, last: Any, *, reverse: bool) -> Iterator[tuple[Any, Held]]: ...

    def prefix(self, prefix: bytes) -> Iterator[tuple[Any, Held]]: ...

    def count(self) -> int: ...

    def estimate(self) -> int: ...


class WindowBackend(DumpBackend, Protocol):
    """A window store; times from and to are both in, a key of None is open."""

    def fetch(self, key: Any, start: int) -> Held | None: ...

    def put(
        self, key: Any, start: int, value: Any, timestamp: int | None, headers: Headers
    ) -> object: ...

    def between(self, key: Any, first: int, last: int) -> Sequence[tuple[int, Held]]: ...

    def range(
        self, first_key: Any, last_key: Any, first: int, last: int
    ) -> Sequence[WindowItem]: ...


class SessionBackend(DumpBackend, Protocol):
    """A session store; a key of None is open."""

    def fetch(self, key: Any, start: int, end: int) -> Held | None: ...

    def put(self, key: Windowed, value: Any, headers: Headers) -> object: ...

    def remove(self, key: Windowed) -> object: ...

    def find(self, key: Any, first_end: int, last_start: int) -> Sequence[WindowItem]: ...

    def range(
        self, first_key: Any, last_key: Any, first_end: int, last_start: int
    ) -> Sequence[WindowItem]: ...


class VersionedBackend(DumpBackend, Protocol):
    """A versioned store."""

    def get(self, key: Any, as_of: int | None) -> Held | None: ...

    def put(self, key: Any, value: Any, timestamp: int) -> int: ...

    def delete(self, key: Any, timestamp: int) -> Held | None: ...


# ---------------------------------------------------------------- what users see
#: How a store is read, and written where a processor may.
WAYS: dict[StoreKind, str] = {
    StoreKind.WINDOW: "it keeps windows: use fetch(key, start), and put(key, value, start)",
    StoreKind.SESSION: "it keeps sessions: use fetch(key), or fetch_session(key, start, end)",
    StoreKind.VERSIONED: "it keeps versions: use get(key) or get(key, as_of)",
}


class NoSuchMethod(StreamsError, AttributeError):
    """A store of another kind has this method; the hint says what this one has."""


B = TypeVar("B", bound=DumpBackend)


class Face(Generic[B]):
    """What all faces have: whether one may write, and how a value looks."""

    def __init__(self, backend: B, *, read_only: bool) -> None:
        self._backend = backend
        self._read_only = read_only
        self._stamped = backend.row.timestamped or backend.row.with_headers

    @property
    def name(self) -> str:
        return self._backend.row.name

    if not TYPE_CHECKING:  # type checkers know what there is

        def __getattr__(self, name: str) -> Any:
            if name.startswith("_"):
                raise AttributeError(name)
            own = ", ".join(each for each in dir(self) if not each.startswith("_"))
            hint = WAYS.get(self._backend.row.kind, f"there are {own}")
            raise NoSuchMethod(f"the store {self.name} has no {name[:100]}", hint=hint)

    def _shown(self, held: Held | None) -> Any:
        if held is None:
            return None
        return ValueAndTimestamp._make(held) if self._stamped else held[0]

    def _given(self, value: Any) -> tuple[Any, int | None, Headers]:
        """A value that a user puts: (value, timestamp, headers)."""
        if self._stamped and isinstance(value, ValueAndTimestamp):
            self._check_time(value.timestamp)
            return value
        if self._stamped and value is not None:
            raise ProcessingError(
                f"the store {self.name} keeps times, and got a {type(value).__name__}",
                hint="put a ValueAndTimestamp into it",
            )
        return value, None, ()

    def _check_writable(self, key: Any) -> None:
        if self._read_only:
            raise ReadOnlyStore(
                f"the store {self.name} may only be read here",
                hint="a global store is written by its topic alone",
            )
        if key is None:
            raise ProcessingError(
                f"the store {self.name} was given a null key",
                hint="leave records without a key out before",
            )

    def _check_time(self, time: Any) -> None:
        if not isinstance(time, int) or not TIME_MIN <= time <= TIME_MAX:
            raise ProcessingError(
                f"the store {self.name} was given the time {time!r}"[:200],
                hint="times are whole numbers of ms that fit into 64 bits",
            )


class KeyValueFace(Face[KeyValueBackend]):
    """Values by key, in the order of the keys' bytes."""

    def get(self, key: Any) -> Any:
        return self._shown(self._backend.get(key))

    def put(self, key: Any, value: Any) -> None:
        self._check_writable(key)
        self._backend.put(key, *self._given(value))

    def put_if_absent(self, key: Any, value: Any) -> Any:
        """Put where there is nothing; what was there, else None."""
        self._check_writable(key)
        held = self.get(key)
        if held is None:
            self.put(key, value)
        return held

    def put_all(self, items: Iterable[tuple[Any, Any]]) -> None:
        for key, value in items:
            self.put(key, value)

    def delete(self, key: Any) -> Any:
        """Remove the key; what was there, else None."""
        self._check_writable(key)
        held = self.get(key)
        self._backend.put(key, None, None, ())
        return held

    def range(self, first: Any, last: Any) -> Iterator[tuple[Any, Any]]:
        """Keys from `first` to `last` by their bytes, both in; None is open."""
        return self._items(self._backend.range(first, last, reverse=False))

    def reverse_range(self, first: Any, last: Any) -> Iterator[tuple[Any, Any]]:
        return self._items(self._backend.range(first, last, reverse=True))

    def prefix(self, prefix: bytes) -> Iterator[tuple[Any, Any]]:
        """Keys whose bytes begin with `prefix`."""
        return self._items(self._backend.prefix(prefix))

    def all(self) -> Iterator[tuple[Any, Any]]:
        return self.range(None, None)

    def reverse_all(self) -> Iterator[tuple[Any, Any]]:
        return self.reverse_range(None, None)

    def __len__(self) -> int:
        return self._backend.count()

    def approximate_num_entries(self) -> int:
        """Kafka's estimate of how many keys it holds; `len` says it exactly."""
        return self._backend.estimate()

    def _items(self, found: Iterator[tuple[Any, Held]]) -> Iterator[tuple[Any, Any]]:
        return ((key, self._shown(held)) for key, held in found)


class WindowFace(Face[WindowBackend]):
    """Values by key and start of a window, in ms; what is older than the retention is gone."""

    def put(self, key: Any, value: Any, start: int) -> None:
        self._check_writable(key)
        self._check_time(start)
        self._backend.put(key, start, *self._given(value))

    def fetch(self, key: Any, start: int) -> Any:
        return self._shown(self._backend.fetch(key, start))

    def fetch_range(self, key: Any, first: int, last: int) -> Iterator[tuple[int, Any]]:
        """The key's (start, value) of windows that start from `first` to `last`, both in."""
        found = self._backend.between(key, first, last)
        return ((start, self._shown(held)) for start, held in found)

    def reverse_fetch_range(self, key: Any, first: int, last: int) -> Iterator[tuple[int, Any]]:
        found = self._backend.between(key, first, last)
        return ((start, self._shown(held)) for start, held in reversed(found))

    def fetch_keys(
        self, first_key: Any, last_key: Any, first: int, last: int
    ) -> Iterator[tuple[Windowed, Any]]:
        """Windows of keys from and to by their bytes (None is open) that start in that time."""
        return self._items(self._backend.range(first_key, last_key, first, last))

    def reverse_fetch_keys(
        self, first_key: Any, last_key: Any, first: int, last: int
    ) -> Iterator[tuple[Windowed, Any]]:
        return self._items(reversed(self._backend.range(first_key, last_key, first, last)))

    def fetch_all(self, first: int, last: int) -> Iterator[tuple[Windowed, Any]]:
        """All windows that start from `first` to `last`, both in."""
        return self.fetch_keys(None, None, first, last)

    def reverse_fetch_all(self, first: int, last: int) -> Iterator[tuple[Windowed, Any]]:
        return self.reverse_fetch_keys(None, None, first, last)

    def all(self) -> Iterator[tuple[Windowed, Any]]:
        return self.fetch_all(0, TIME_MAX)

    def reverse_all(self) -> Iterator[tuple[Windowed, Any]]:
        return self.reverse_fetch_all(0, TIME_MAX)

    def _items(self, found: Iterable[WindowItem]) -> Iterator[tuple[Windowed, Any]]:
        return ((window, self._shown(held)) for window, held in found)


class SessionFace(Face[SessionBackend]):
    """Values by key and session, which is a `Windowed`: key, start and end in ms."""

    def put(self, key: Windowed, value: Any) -> None:
        self._check_session(key)
        headers: Headers = ()
        if self._stamped and isinstance(value, ValueAndTimestamp):
            value, headers = value.value, value.headers
        self._backend.put(key, value, headers)

    def remove(self, key: Windowed) -> None:
        self._check_session(key)
        self._backend.remove(key)

    def fetch_session(self, key: Any, start: int, end: int) -> Any:
        return self._shown(self._backend.fetch(key, start, end))

    def find_sessions(
        self, key: Any, first_end: int, last_start: int
    ) -> Iterator[tuple[Windowed, Any]]:
        """Sessions that end at `first_end` or later and start at `last_start` or before."""
        return self._items(self._backend.find(key, first_end, last_start))

    def reverse_find_sessions(
        self, key: Any, first_end: int, last_start: int
    ) -> Iterator[tuple[Windowed, Any]]:
        return self._items(reversed(self._backend.find(key, first_end, last_start)))

    def find_keys(
        self, first_key: Any, last_key: Any, first_end: int = 0, last_start: int = TIME_MAX
    ) -> Iterator[tuple[Windowed, Any]]:
        """As `find_sessions` for keys from and to by their bytes; None is open."""
        return self._items(self._backend.range(first_key, last_key, first_end, last_start))

    def reverse_find_keys(
        self, first_key: Any, last_key: Any, first_end: int = 0, last_start: int = TIME_MAX
    ) -> Iterator[tuple[Windowed, Any]]:
        found = self._backend.range(first_key, last_key, first_end, last_start)
        return self._items(reversed(found))

    def fetch(self, key: Any) -> Iterator[tuple[Windowed, Any]]:
        """All sessions of a key."""
        return self.find_sessions(key, 0, TIME_MAX)

    def all(self) -> Iterator[tuple[Windowed, Any]]:
        return self.find_keys(None, None)

    def _check_session(self, key: Any) -> None:
        if not isinstance(key, Windowed):
            raise ProcessingError(
                f"the store {self.name} keeps sessions, and got a key that is a "
                f"{type(key).__name__}",
                hint="give a Windowed: key, start and end",
            )
        self._check_writable(key.key)
        self._check_time(key.start)
        self._check_time(key.end)

    def _items(self, found: Iterable[WindowItem]) -> Iterator[tuple[Windowed, Any]]:
        return ((session, self._shown(held)) for session, held in found)


class VersionedFace(Face[VersionedBackend]):
    """Values by key and time; the timestamp of what is found is the one at which it was put."""

    def get(self, key: Any, as_of: int | None = None) -> ValueAndTimestamp | None:
        """The latest value, or the one that held at a time in ms."""
        held = self._backend.get(key, as_of)
        return None if held is None else ValueAndTimestamp._make(held)

    def put(self, key: Any, value: Any, timestamp: int) -> int:
        """Until when the value holds, in ms; -1 is for ever, -2**63 that it came too late."""
        self._check_writable(key)
        self._check_time(timestamp)
        return self._backend.put(key, value, timestamp)

    def delete(self, key: Any, timestamp: int) -> ValueAndTimestamp | None:
        """Remove the key from a time on; what held there."""
        self._check_writable(key)
        self._check_time(timestamp)
        held = self._backend.delete(key, timestamp)
        return None if held is None else ValueAndTimestamp._make(held)

    def all(self) -> Iterator[tuple[Any, Any]]:
        """The latest value of each key."""
        return iter(self._backend.dump())


class Dump(Face[DumpBackend]):
    """Stores that only operators use: everything they hold can be looked at."""

    def all(self) -> Iterator[tuple[Any, Any]]:
        return iter(self._backend.dump())


#: What a store looks like; others are a `Dump`.
FACES: dict[StoreKind, type[Face[Any]]] = {
    StoreKind.KEY_VALUE: KeyValueFace,
    StoreKind.LRU: KeyValueFace,
    StoreKind.WINDOW: WindowFace,
    StoreKind.SESSION: SessionFace,
    StoreKind.VERSIONED: VersionedFace,
}


def face_over(backend: DumpBackend, *, read_only: bool) -> Any:
    """The face of a store; `backend` is of the protocol of its kind."""
    return FACES.get(backend.row.kind, Dump)(backend, read_only=read_only)
