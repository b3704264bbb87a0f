"""What a test says to its broker in one line: topics, records, and waits for groups.

All of it goes through the broker's own port by `ottla.client`, so a test sees what any client sees,
and nothing that no client could. Each call opens a connection of its own and closes it: calls may
come from any thread, after a restart, a jump of the clock or a fork, and there is nothing to close.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from ottla.testing.errors import BadArgument, BadType, NotAsExpected

if TYPE_CHECKING:
    from ottla.client.client import Client

Text = str | bytes | None
"""A key or a value; text goes as UTF-8."""
Headers = Mapping[str, Text] | Iterable[tuple[str, Text]]

CLIENT_ID = "ottla-test"
TIMEOUT_MS = 30_000
POLL_SECONDS = 0.01
SHOWN_MAX = 40
"""Lines of a difference that are shown at most on either side of its middle."""


class Record(NamedTuple):
    """A record in a topic, as a consumer would get it."""

    value: bytes | None
    key: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]
    timestamp_ms: int
    partition: int
    offset: int


class Talk(ABC):
    """The calls that a Broker has for its topics."""

    @property
    @abstractmethod
    def bootstrap_servers(self) -> str:
        """Where clients connect to."""

    def create_topic(
        self,
        name: str,
        partitions: int = 1,
        replication_factor: int = 1,
        config: Mapping[str, str | int | float | bool] | None = None,
    ) -> None:
        """Make a topic; returns when it can be written to. `config` is the topic's own.

        Raises:
            BrokerError: there is one of that name already, or the broker refused it.
        """
        from ottla.client import topics

        texts = {key: as_property(value) for key, value in (config or {}).items()}
        new = topics.NewTopic(name, partitions, replication_factor, configs=texts)
        with self._client() as client:
            error = topics.create(client, [new])[name]
        if error is not None:
            raise error

    def topics(self) -> list[str]:
        """The names of all topics, sorted, without those that Kafka makes for itself."""
        from ottla.client import topics

        with self._client() as client:
            return topics.names(client, internal=False)

    def produce(
        self,
        topic: str,
        value: Text,
        key: Text = None,
        headers: Headers = (),
        partition: int | None = None,
        timestamp_ms: int | None = None,
    ) -> int:
        """Write one record, and return its offset when it is there.

        Without a partition a key decides, as in Kafka's own producers; with neither it is 0. The
        topic makes itself, unless `auto.create.topics.enable` is off.

        Raises:
            BadType: a value, key or header is neither str, bytes nor None.
            BrokerError: the broker refused the record, or there is no such topic.
        """
        from ottla.client import records
        from ottla.wire.records import Record as Written

        rows = headers.items() if isinstance(headers, Mapping) else headers
        written = Written(
            as_bytes(key, "a key"),
            as_bytes(value, "a value"),
            tuple((name, as_bytes(text, "a header")) for name, text in rows),
            time.time_ns() // 1_000_000 if timestamp_ms is None else timestamp_ms,
        )
        with self._client() as client:
            numbers = records.partitions(client, topic, create=True)
            if partition is None:
                partition = 0 if written.key is None else of_key(written.key, len(numbers))
            return records.produce(client, (topic, partition), [written])

    def records(self, topic: str, partition: int | None = None) -> list[Record]:
        """All records that are in a topic now, or in one partition: by partition and offset.

        Raises:
            BrokerError: there is no such topic or partition.
        """
        with self._client() as client:
            return _records(client, topic, partition)

    def expect(
        self,
        topic: str,
        values: Iterable[Text | tuple[Text, Text]],
        timeout: float = 5,
        *,
        any_order: bool = False,
    ) -> list[Record]:
        """Wait until a topic holds these records and no others, and return them.

        Each is given by its value, or as (key, value). They stand by partition and offset; with
        `any_order` nobody looks at that.

        Raises:
            NotAsExpected: an AssertionError that shows what was missing and what was too much.
            BadType: a value is neither str, bytes nor None.
        """
        __tracebackhide__ = True  # pytest then shows the line of the test
        wanted = [_wanted(value) for value in values]
        found: list[Record] = []

        def there() -> bool:
            nonlocal found
            found = _records_if_any(client, topic)
            return _same(wanted, found, any_order)

        with self._client() as client:
            if not _until(there, timeout):
                raise NotAsExpected(
                    f"{topic} does not hold what was expected within {timeout:g} s\n"
                    + _difference(wanted, found, any_order)
                )
        return found

    def wait_for(self, group: str, lag: int = 0, timeout: float = 10) -> int:
        """Wait until a group is at most so many records behind, and return how many.

        That is judged by what it has committed, in all partitions of the topics that it has
        committed to or is reading; where it has committed nothing all records count.

        Raises:
            NotAsExpected: it is not so far in time; the text says where it is.
        """
        __tracebackhide__ = True  # pytest then shows the line of the test
        places: list[_Place] = []

        def there() -> bool:
            nonlocal places
            places = _places(client, group)
            return bool(places) and sum(place.lag for place in places) <= lag

        with self._client() as client:
            if not _until(there, timeout):
                raise NotAsExpected(
                    f"group {group!r} is not at a lag of {lag} within {timeout:g} s: "
                    + _where(places),
                    hint="consumers commit when they are told to, when they close, or every "
                    "auto.commit.interval.ms (five seconds)",
                )
        return sum(place.lag for place in places)

    def client_config(self, library: str, group: str | None = None) -> dict[str, Any]:
        """Ready arguments for "confluent-kafka", "aiokafka", "kafka-python" or "faststream".

        They are a producer's or an admin client's; with a group they are a consumer's, which
        begins with the first record (of faststream a subscriber's, whose broker has the address).

        Raises:
            BadArgument: another library.
        """
        from ottla.testing.client_configs import client_config

        return client_config(library, self.bootstrap_servers, group)

    @contextmanager
    def _client(self) -> Iterator[Client]:
        from ottla.client.client import Client

        where = self.bootstrap_servers
        with Client(where, client_id=CLIENT_ID, timeout_ms=TIMEOUT_MS) as client:
            yield client


def as_bytes(text: Text, what: str) -> bytes | None:
    """What is sent for a value, key or header.

    Raises:
        BadType: it is neither str, bytes nor None.
    """
    if text is None or isinstance(text, bytes):
        return text
    if isinstance(text, str):
        return text.encode()
    if isinstance(text, (bytearray, memoryview)):
        return bytes(text)
    raise BadType(
        f"{what} is str, bytes or None, not {type(text).__name__}",
        hint="of something else give its bytes, such as json.dumps(...)",
    )


def as_property(value: str | int | float | bool) -> str:
    """As a properties file would say it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def of_key(key: bytes, partitions: int) -> int:
    """The partition that Kafka's own producers choose for a key: murmur2, without its sign."""
    mask = 0xFFFFFFFF
    m = 0x5BD1E995
    found = 0x9747B28C ^ len(key)
    whole = len(key) & ~3
    for at in range(0, whole, 4):
        k = int.from_bytes(key[at : at + 4], "little") * m & mask
        k = (k ^ k >> 24) * m & mask
        found = found * m & mask ^ k
    if whole < len(key):
        found = (found ^ int.from_bytes(key[whole:], "little")) * m & mask
    found = (found ^ found >> 13) * m & mask
    return ((found ^ found >> 15) & 0x7FFFFFFF) % partitions


def _until(there: Callable[[], bool], timeout: float) -> bool:
    """Ask until it is so, or the time is over."""
    if not hasattr(timeout, "__float__") or not timeout >= 0:
        raise BadArgument(f"timeout={timeout!r} is no number of seconds", hint="5 is five seconds")
    deadline = time.monotonic() + timeout
    while not there():
        left = deadline - time.monotonic()
        if left <= 0:
            return False
        time.sleep(min(POLL_SECONDS, left))
    return True


def _records(client: Client, topic: str, partition: int | None = None) -> list[Record]:
    from ottla.client import records

    numbers = records.partitions(client, topic) if partition is None else [partition]
    return [
        Record(r.value, r.key, tuple(r.headers), r.timestamp_ms, number, r.offset)
        for _, number, r in records.read(client, topic, numbers)
    ]


def _records_if_any(client: Client, topic: str) -> list[Record]:
    """As `_records`; a topic that is not there yet holds none."""
    from ottla.client.errors import BrokerError
    from ottla.wire.errors import ErrorCode

    try:
        return _records(client, topic)
    except BrokerError as error:
        if error.code != ErrorCode.UNKNOWN_TOPIC_OR_PARTITION:
            raise
        return []


# ------------------------------------------------------------ what was expected

_Wanted = tuple[bool, bytes | None, bytes | None]
"""Whether the key counts, the key, the value."""


def _wanted(value: Text | tuple[Text, Text]) -> _Wanted:
    if isinstance(value, tuple):
        key, text = value
        return True, as_bytes(key, "a key"), as_bytes(text, "a value")
    return False, None, as_bytes(value, "a value")


def _is(wanted: _Wanted, found: Record) -> bool:
    keyed, key, value = wanted
    return value == found.value and (not keyed or key == found.key)


def _same(wanted: list[_Wanted], found: list[Record], any_order: bool) -> bool:
    if len(wanted) != len(found):
        return False
    if any_order:
        return not any(_unmatched(wanted, found))
    return all(map(_is, wanted, found))


def _unmatched(wanted: list[_Wanted], found: list[Record]) -> tuple[list[_Wanted], list[Record]]:
    """Those of either side without a fellow; who names a key chooses first."""
    left = list(found)
    missing = []
    for one in sorted(wanted, key=lambda w: not w[0]):
        fellow = next((record for record in left if _is(one, record)), None)
        if fellow is None:
            missing.append(one)
        else:
            left.remove(fellow)
    return missing, left


def _difference(wanted: list[_Wanted], found: list[Record], any_order: bool) -> str:
    """Line by line: `-` was expected and is not there, `+` is there and was not expected."""
    if any_order:
        missing, extra = _unmatched(wanted, found)
        lines = [f"- {_wanted_text(w)}" for w in missing]
        lines += [f"+ {_record_text(r)}" for r in extra]
        lines.append(f"  and {len(found) - len(extra)} as expected")
    else:
        lines = _in_order(wanted, found)
    if len(lines) > 2 * SHOWN_MAX:
        lines[SHOWN_MAX:-SHOWN_MAX] = [f"  ... {len(lines) - 2 * SHOWN_MAX} more"]
    return "\n".join(lines)


def _in_order(wanted: list[_Wanted], found: list[Record]) -> list[str]:
    from difflib import SequenceMatcher

    keyed = any(w[0] for w in wanted)
    ours = [(w[1] if keyed else None, w[2]) for w in wanted]
    theirs = [(r.key if keyed else None, r.value) for r in found]
    lines = []
    for kind, a, b, c, d in SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes():
        if kind == "equal":
            lines += [f"  {_record_text(record)}" for record in found[c:d]]
        else:
            lines += [f"- {_wanted_text(w)}" for w in wanted[a:b]]
            lines += [f"+ {_record_text(record)}" for record in found[c:d]]
    return lines


def _wanted_text(wanted: _Wanted) -> str:
    keyed, key, value = wanted
    return f"{_short(key)}: {_short(value)}" if keyed else _short(value)


def _record_text(record: Record) -> str:
    key = "" if record.key is None else f"{_short(record.key)}: "
    return f"{key}{_short(record.value)}   (partition {record.partition}, offset {record.offset})"


def _short(text: bytes | None, size_max: int = 200) -> str:
    shown = repr(text)
    return shown if len(shown) <= size_max else f"{shown[:size_max]}... ({len(text or b'')} bytes)"


# ------------------------------------------------------------ where a group is


class _Place(NamedTuple):
    """A partition that a group has to do with."""

    name: str
    committed: int | None
    begin: int
    end: int

    @property
    def lag(self) -> int:
        """Records between what was committed and the end."""
        return max(0, self.end - max(self.committed or 0, self.begin))


def _places(client: Client, group: str) -> list[_Place]:
    from ottla.client import groups, offsets, records
    from ottla.client.errors import BrokerError

    committed = groups.committed(client, group)
    topics = {topic for topic, _ in committed}
    try:
        for member in groups.describe(client, group).members:
            topics.update(topic for topic, _ in member.partitions)
    except BrokerError as error:
        if error.code != groups.GROUP_ID_NOT_FOUND:
            raise
    try:
        places = [(t, p) for t in sorted(topics) for p in records.partitions(client, t)]
    except BrokerError:  # one of them is gone, or goes
        return []
    first = offsets.list_offsets(client, dict.fromkeys(places, offsets.EARLIEST))
    last = offsets.list_offsets(client, dict.fromkeys(places, offsets.LATEST))
    found = []
    for place in places:
        begin, end, commit = first[place], last[place], committed.get(place)
        if isinstance(begin, BrokerError) or isinstance(end, BrokerError):
            return []
        name = f"{place[0]}-{place[1]}"
        at = None if commit is None else commit.offset
        found.append(_Place(name, at, begin.offset, end.offset))
    return found


def _where(places: list[_Place]) -> str:
    if not places:
        return "it has neither members nor commits"
    return ", ".join(
        f"{p.name} {'has no commit' if p.committed is None else f'is at {p.committed}'} of {p.end}"
        for p in places
    )
