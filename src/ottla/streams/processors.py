"""The Processor API for users: what a processor is, what it is given, and what it may reach.

    class Counter(Processor[str, dict, str, int]):
        def init(self, context):
            self.context, self.store = context, context.store("counts")
            context.schedule(1_000, "wall_clock", self.flush)

        def process(self, record):
            self.store.put(record.key, (self.store.get(record.key) or 0) + 1)

        def flush(self, now):
            for key, count in self.store.all():
                self.context.forward(Record(key, count, now))

The four types are those of keys and values that come in and that go out, as in Java; who leaves
them out, or the last of them, means any. Python itself does not look at them.

Both executors drive these classes; neither is imported here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import GenericAlias
from typing import TYPE_CHECKING, Any, Generic, Literal, NamedTuple, Protocol

from ottla.streams.durations import Duration, ms
from ottla.streams.errors import ProcessingError
from ottla.streams.execution import Headers, headers_of, time_of
from ottla.streams.plan.callables import is_async, name_of
from ottla.streams.variables import (
    K2,
    V2,
    K,
    K_co,
    KIn,
    KOut,
    Subscripted,
    V,
    V_co,
    VIn,
    VOut,
)

Clock = Literal["stream_time", "wall_clock"]

_new: Callable[[Any], Any] = object.__new__


def _time_of(given: int) -> int:
    if type(given) is int and 0 <= given < 2**63:
        return given
    time = time_of(given, what="the time of a record")
    if time < 0 or isinstance(given, bool):
        raise ProcessingError(
            f"the time of a record: {given!r} is no time that a record can have",
            hint="a record's time is a whole number of ms since the epoch, from 0 on",
        )
    return time


def _headers_of(given: Headers) -> Headers:
    return headers_of(given, what="the headers of a record") if given != () else ()


class Record(Subscripted, Generic[K_co, V_co]):
    """A record on its way: key, value, ms since the epoch, headers. Changed only by making
    another.

    Raises:
        StreamsError: the time is no whole number of ms from 0 on, or the headers are no pairs of a
            name and bytes or None.
    """

    __slots__ = ("headers", "key", "timestamp", "value")

    def __init__(self, key: K_co, value: V_co, timestamp: int, headers: Headers = ()) -> None:
        self.key = key
        self.value = value
        self.timestamp = _time_of(timestamp)
        self.headers = _headers_of(headers)

    def with_key(self, key: K2) -> Record[K2, V_co]:
        return unchecked(key, self.value, self.timestamp, self.headers)

    def with_value(self, value: V2) -> Record[K_co, V2]:
        return unchecked(self.key, value, self.timestamp, self.headers)

    def with_timestamp(self, timestamp: int) -> Record[K_co, V_co]:
        return unchecked(self.key, self.value, _time_of(timestamp), self.headers)

    def with_headers(self, headers: Headers) -> Record[K_co, V_co]:
        return unchecked(self.key, self.value, self.timestamp, _headers_of(headers))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Record):
            return NotImplemented
        return (self.key, self.value, self.timestamp, self.headers) == (
            other.key, other.value, other.timestamp, other.headers,
        )  # fmt: skip

    __hash__ = None  # type: ignore[assignment]  # its values may change

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.key!r}, {self.value!r}, {self.timestamp})"


class FixedKeyRecord(Subscripted, Generic[K_co, V_co]):
    """A record whose key cannot be changed; only an executor makes new ones."""

    __slots__ = ("_key", "headers", "timestamp", "value")

    def __init__(self, key: K_co, value: V_co, timestamp: int, headers: Headers = ()) -> None:
        self._key = key
        self.value = value
        self.timestamp = _time_of(timestamp)
        self.headers = _headers_of(headers)

    @property
    def key(self) -> K_co:
        return self._key

    def with_value(self, value: V2) -> FixedKeyRecord[K_co, V2]:
        return unchecked_fixed(self._key, value, self.timestamp, self.headers)

    def with_timestamp(self, timestamp: int) -> FixedKeyRecord[K_co, V_co]:
        return unchecked_fixed(self._key, self.value, _time_of(timestamp), self.headers)

    def with_headers(self, headers: Headers) -> FixedKeyRecord[K_co, V_co]:
        return unchecked_fixed(self._key, self.value, self.timestamp, _headers_of(headers))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._key!r}, {self.value!r}, {self.timestamp})"


def unchecked(key: K, value: V, timestamp: int, headers: Headers) -> Record[K, V]:
    """A record of a time and headers that are known to be right: of an executor, many a second."""
    made: Record[K, V] = _new(Record)
    made.key = key
    made.value = value
    made.timestamp = timestamp
    made.headers = headers
    return made


def unchecked_fixed(key: K, value: V, timestamp: int, headers: Headers) -> FixedKeyRecord[K, V]:
    """As `unchecked`, with a key that cannot be changed."""
    made: FixedKeyRecord[K, V] = _new(FixedKeyRecord)
    made._key = key
    made.value = value
    made.timestamp = timestamp
    made.headers = headers
    return made


class ValueAndTimestamp(NamedTuple, Generic[V]):
    """What stores of tables keep: a value, its time, and headers where the store keeps them."""

    value: V
    timestamp: int
    headers: Headers = ()


class RecordMetadata(NamedTuple):
    """Where the record came from that is being processed."""

    topic: str
    partition: int
    offset: int


class RecordContext(NamedTuple):
    """What a sink's function that chooses topics is told beside key and value."""

    topic: str | None
    partition: int
    offset: int
    timestamp: int
    headers: Headers


class Cancellable(Protocol):
    """A punctuation that was scheduled."""

    def cancel(self) -> None:
        """It is not called any more."""


class ProcessorContext(Protocol[KOut, VOut]):
    """What a processor may reach. It belongs to one node of one task."""

    if not TYPE_CHECKING:
        __class_getitem__ = classmethod(GenericAlias)  # as in `Subscripted`

    @property
    def app_id(self) -> str: ...

    @property
    def task_id(self) -> str: ...

    @property
    def configs(self) -> Mapping[str, Any]:
        """The application's own settings."""

    @property
    def metadata(self) -> RecordMetadata | None:
        """Where the record at hand came from; None in punctuations that no record caused."""

    @property
    def headers(self) -> Headers:
        """The headers of the record at hand."""

    @property
    def timestamp(self) -> int:
        """The time of the record at hand, or of the punctuation."""

    @property
    def stream_time(self) -> int:
        """The highest time of a record that the task has taken, in ms; -1 before the first."""

    @property
    def system_time(self) -> int:
        """The wall clock, in ms."""

    def forward(
        self, record: Record[KOut, VOut] | FixedKeyRecord[KOut, VOut], to: str | None = None
    ) -> None:
        """Send a record to all children, or to the child of that name.

        Raises:
            ProcessingError: there is no such child.
        """

    def schedule(
        self,
        interval_ms: Duration,
        clock: Clock,
        callback: Callable[[int], None],
        start_ms: int | None = None,
    ) -> Cancellable:
        """Call `callback(time in ms)` every `interval_ms` of stream time or of the wall clock.

        The interval is ms, a timedelta or a text such as "10s". By stream time the first call comes
        with the first record, by the wall clock after one interval; with `start_ms`, calls come at
        that time and whole intervals after it.

        Raises:
            StreamsError: the interval is no length of time, the clock or the start is none.
        """

    def store(self, name: str) -> Any:
        """The store of this name, which must be connected to the node; global ones are read-only.

        Raises:
            ProcessingError: the store is not connected to this node.
        """

    def commit(self) -> None:
        """Ask for a commit soon."""


def schedule_of(
    node: str, interval: Duration, clock: str, start: int | None, callback: object
) -> tuple[int, int | None]:
    """Interval and start in ms of what a processor wants to be called for.

    Raises:
        StreamsError: one of them, or the clock, is none; the text names the node.
    """
    if is_async(callback) or not callable(callback):
        raise ProcessingError(
            f"{node} wants {name_of(callback)} to be called, which is no plain function",
            hint="give schedule() a function of the time in ms, written with def",
        )
    every = ms(interval, what=f"the interval of {node}")
    if every < 1:
        raise ProcessingError(
            f"{node} wants to be called every {every} ms", hint="the shortest interval is 1 ms"
        )
    if clock not in ("stream_time", "wall_clock"):
        raise ProcessingError(
            f"{node} wants to be called by the clock {clock!r}",
            hint='there are "stream_time" and "wall_clock"',
        )
    return every, None if start is None else time_of(start, what=f"the start of {node}")


def no_access(node: str, store: str) -> ProcessingError:
    """A processor asks for a store that it was not connected to."""
    return ProcessingError(
        f"the processor {node} has no access to a store {store}",
        hint=f"name the store where the processor is added: process(P, {store!r})",
    )


class Contextual(Subscripted, Generic[K2, V2]):
    """What has a context once `init` kept it."""

    context: ProcessorContext[K2, V2]

    if not TYPE_CHECKING:  # type checkers know what there is

        def __getattr__(self, name: str) -> Any:
            if name == "context":
                raise NoContext(
                    f"{type(self).__qualname__} has no context: its init did not keep it",
                    hint="call super().init(context) in init",
                )
            raise AttributeError(f"{type(self).__qualname__!r} object has no attribute {name!r}")


class NoContext(ProcessingError, AttributeError):
    """A processor's own `init` did not keep the context."""


class Processor(Contextual[K2, V2], Generic[KIn, VIn, K2, V2]):
    """Write a subclass; an instance serves one task, so it may keep state of its own."""

    def init(self, context: ProcessorContext[K2, V2]) -> None:
        """Called once before the first record; as it stands, it keeps the context."""
        self.context = context

    def process(self, record: Record[KIn, VIn]) -> None:
        """Called for every record."""
        raise _unwritten(self, "process")

    def close(self) -> None:
        """Called once at the end."""


class FixedKeyProcessor(Contextual[K, V2], Generic[K, VIn, V2]):
    """As `Processor`; what it forwards has the key that it was given."""

    def init(self, context: ProcessorContext[K, V2]) -> None:
        """Called once before the first record; as it stands, it keeps the context."""
        self.context = context

    def process(self, record: FixedKeyRecord[K, VIn]) -> None:
        """Called for every record."""
        raise _unwritten(self, "process")

    def close(self) -> None:
        """Called once at the end."""


class ValueTransformer(Contextual, Generic[KIn, VIn, V2]):
    """Makes a table's values anew, with stores and the context in reach; it forwards nothing."""

    def init(self, context: ProcessorContext) -> None:
        """Called once before the first record; as it stands, it keeps the context."""
        self.context = context

    def transform(self, key: KIn, value: VIn) -> V2 | None:
        """The new value of a key; None for none."""
        raise _unwritten(self, "transform")

    def close(self) -> None:
        """Called once at the end."""


def _unwritten(given: object, method: str) -> ProcessingError:
    return ProcessingError(
        f"{type(given).__qualname__} does not say what to do with a record",
        hint=f"write its method {method}",
    )


class ReadOnlyKeyValueStore(Protocol):
    """Values by key, in the order of the keys' bytes. Iterators see the store as it was."""

    def get(self, key: Any) -> Any: ...

    def range(self, first: Any, last: Any) -> Iterator[tuple[Any, Any]]: ...

    def reverse_range(self, first: Any, last: Any) -> Iterator[tuple[Any, Any]]: ...

    def prefix(self, prefix: bytes) -> Iterator[tuple[Any, Any]]: ...

    def all(self) -> Iterator[tuple[Any, Any]]: ...

    def reverse_all(self) -> Iterator[tuple[Any, Any]]: ...


class ReadOnlyWindowStore(Protocol):
    """Values by key and start of a window; what is older than the retention is gone."""

    def fetch(self, key: Any, start: int) -> Any: ...

    def fetch_range(self, key: Any, first: int, last: int) -> Iterator[tuple[int, Any]]: ...

    def fetch_keys(
        self, first_key: Any, last_key: Any, first: int, last: int
    ) -> Iterator[tuple[Any, Any]]: ...

    def fetch_all(self, first: int, last: int) -> Iterator[tuple[Any, Any]]: ...

    def all(self) -> Iterator[tuple[Any, Any]]: ...


class ReadOnlySessionStore(Protocol):
    """Values by key and session."""

    def fetch_session(self, key: Any, start: int, end: int) -> Any: ...

    def find_sessions(self, key: Any, first_end: int, last_start: int) -> Iterator[tuple[Any, Any]]:
        """Sessions that end at `first_end` or later and start at `last_start` or before."""

    def fetch(self, key: Any) -> Iterator[tuple[Any, Any]]: ...

    def all(self) -> Iterator[tuple[Any, Any]]: ...


class VersionedStore(Protocol):
    """Values by key and time; how far back is the store's history retention."""

    def get(self, key: Any, as_of: int | None = None) -> ValueAndTimestamp | None: ...

    def put(self, key: Any, value: Any, timestamp: int) -> int:
        """Until when the value holds, in ms; -1 is for ever, -2**63 that it came too late."""

    def delete(self, key: Any, timestamp: int) -> ValueAndTimestamp | None: ...
