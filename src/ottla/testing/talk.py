"""What a test says to its broker in one line: topics, records, and waits for groups.

All of it goes through the broker's own port by `ottla.client`, so a test sees what any client sees,
and nothing that no client could. Each call opens a connection of its own and closes it: calls may
come from any thread, after a restart, a jump of the clock or a fork, and there is nothing to close.
A connection that is kept would save 0.7 ms of a call, and have to be doubted after each of those.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ottla.testing import expected, group_lag
from ottla.testing.errors import BadArgument, NotAsExpected
from ottla.testing.expected import Record
from ottla.testing.texts import Text, as_bytes, as_property

if TYPE_CHECKING:
    from ottla.client.client import Client

Headers = Mapping[str, Text] | Iterable[tuple[str, Text]]

CLIENT_ID = "ottla-test"
TIMEOUT_MS = 30_000
POLL_SECONDS = 0.01


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
        from ottla.client.partitioner import partition_of
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
                partition = 0 if written.key is None else partition_of(written.key, len(numbers))
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
        wanted = [expected.wanted(value) for value in values]
        found: list[Record] = []

        def there() -> bool:
            nonlocal found
            found = _records_if_any(client, topic)
            return expected.same(wanted, found, any_order)

        with self._client() as client:
            if not _until(there, timeout):
                raise NotAsExpected(
                    f"{topic} does not hold what was expected within {timeout:g} s\n"
                    + expected.difference(wanted, found, any_order)
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
        places: list[group_lag.Place] = []

        def there() -> bool:
            nonlocal places
            places = group_lag.places(client, group)
            return bool(places) and sum(place.lag for place in places) <= lag

        with self._client() as client:
            if not _until(there, timeout):
                raise NotAsExpected(
                    f"group {group!r} is not at a lag of {lag} within {timeout:g} s: "
                    + group_lag.where(places),
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
