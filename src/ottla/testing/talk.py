"""What a test says to its broker in one line: topics, records, and waits for groups.

All of it goes through the broker's own port by `ottla.client`, so a test sees what any client sees,
and nothing that no client could; only rules of `broker.faults` spare it unless they name it. Each
call opens a connection of its own and closes it: calls may come from any thread, after a restart, a
jump of the clock or a fork, and there is nothing to close.
A connection that is kept would save 0.7 ms of a call, and have to be doubted after each of those.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any

from ottla.errors import OttlaError
from ottla.steady import steady_s
from ottla.testing import expected
from ottla.testing.arguments import (
    INT32_MAX,
    INT64_MAX,
    checked_headers,
    checked_name,
    checked_seconds,
    checked_whole,
)
from ottla.testing.errors import BadType, NotAsExpected
from ottla.testing.expected import Record
from ottla.testing.group_lag import Standing, pending, standing
from ottla.testing.looking import Seen, blocks_a_loop, until
from ottla.testing.texts import CLIENT_ID, Headers, Text, as_bytes, as_property

if TYPE_CHECKING:
    from ottla.client.client import Client

TIMEOUT_MS = 30_000
_SHRINKS_MS = 3_600_000
"""Records that are kept for less than that may go while a test looks."""
_FLUSH = "producers send in the background: flush() them before, or wait longer"


class Talk(ABC):
    """The calls that a Broker has for its topics."""

    @property
    @abstractmethod
    def bootstrap_servers(self) -> str:
        """Where clients connect to."""

    @abstractmethod
    def _servers_within(self, patience_s: float) -> str:
        """The same, of a broker that a fault is starting again: if it is there in that time."""

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
        from ottla.client.admin import topics

        checked_name("topic", name)
        checked_whole("partitions", partitions, INT32_MAX, least=-1)
        checked_whole("replication_factor", replication_factor, INT32_MAX, least=-1)
        if config is not None and not isinstance(config, Mapping):
            raise BadType(
                f"config is a mapping, not {type(config).__name__}",
                hint='such as {"retention.ms": 60_000}',
            )
        texts = {key: as_property(value) for key, value in (config or {}).items()}
        new = topics.NewTopic(name, partitions, replication_factor, configs=texts)
        with self._asking() as client:
            error = topics.create(client, [new])[name]
        if error is not None:
            raise error

    def delete_topic(self, name: str) -> None:
        """Delete a topic with all its records; another of that name may be made then.

        Raises:
            BrokerError: there is no such topic.
        """
        from ottla.client.admin import topics
        from ottla.client.errors import BrokerError

        with self._asking(checked_name("topic", name)) as client:
            try:
                error = topics.delete(client, [name])[name]
            except BrokerError as passing:
                error = passing
            if error is not None:
                raise BrokerError(error.code, f"topic '{name}': {error}")

    def topics(self) -> list[str]:
        """The names of all topics, sorted, without those that Kafka makes for itself."""
        from ottla.client.admin import topics

        with self._asking() as client:
            return topics.names(client, internal=False)

    def transactions(self) -> dict[str, str]:
        """Where the transaction of each transactional id stands, in Kafka's words: "Empty" before
        the first, "Ongoing" while one is open, "PrepareCommit" or "PrepareAbort" while it is ended
        in its partitions, and "CompleteCommit" or "CompleteAbort" then.
        """
        from ottla.client.admin import transactions

        with self._asking() as client:
            found = transactions.list_transactions(client)
        return {one.transactional_id: one.state for one in found}

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
            BadType: a value, key or header is neither str, bytes nor None, or a number none.
            BrokerError: the broker refused the record, or there is no such topic.
        """
        from ottla.client import records
        from ottla.wire.outbox import partition_of
        from ottla.wire.records import Record as Written

        checked_name("topic", topic)
        if partition is not None:
            checked_whole("partition", partition, INT32_MAX)
        if timestamp_ms is None:
            timestamp_ms = time.time_ns() // 1_000_000
        written = Written(
            as_bytes(key, "a key"),
            as_bytes(value, "a value"),
            checked_headers(headers),
            checked_whole("timestamp_ms", timestamp_ms, INT64_MAX),
        )
        with self._asking(topic) as client:
            numbers = records.partitions(client, topic, create=True)
            if partition is None:
                partition = 0 if written.key is None else partition_of(written.key, len(numbers))
            return records.produce(client, (topic, partition), [written])

    def records(self, topic: str, partition: int | None = None) -> list[Record]:
        """All records that are in a topic now, or in one partition: by partition and offset. Those
        that a reader of read_committed gets: none that was aborted, or lies behind the beginning of
        a transaction that is open.

        Raises:
            BrokerError: there is no such topic or partition.
        """
        checked_name("topic", topic)
        if partition is not None:
            checked_whole("partition", partition, INT32_MAX)
        with self._asking(topic) as client:
            return _records(client, topic, partition)

    def expect(
        self,
        topic: str,
        values: Iterable[Text | tuple[Text, Text]],
        timeout: float = 5,
        *,
        any_order: bool = False,
    ) -> list[Record]:
        """Wait until a topic holds these records and no others, and return them. What counts is
        what `records` tells.

        Each is given by its value, or as (key, value). They stand by partition and offset; with
        `any_order` nobody looks at that. What no record to come can mend is told at once, unless
        the topic's records may go.

        Raises:
            NotAsExpected: an AssertionError that shows what was missing and what was too much.
            BadType: no list, or a value is neither str, bytes nor None.
        """
        __tracebackhide__ = True  # pytest then shows the line of the test
        wanted = expected.all_wanted(values)
        checked_name("topic", topic)
        timeout = checked_seconds(timeout)
        found: list[Record] | None = None
        looks = 0

        def there() -> bool | None:
            nonlocal found, looks
            found = _records_if_any(client, topic)
            looks += 1
            if expected.same(wanted, found or [], any_order):
                return True
            if expected.never(wanted, found or [], any_order) and _only_grows(client, topic):
                return None
            return False

        began_s = steady_s()
        with self._asking(patience_s=timeout) as client:
            seen = until(client, there, timeout - (steady_s() - began_s))
            near = None if seen.there else _why(client, topic, exists=found is not None)
        if not seen.there:
            what = _what_was_seen(topic, seen, timeout, looks, exists=found is not None)
            if looks:
                what += "\n" + expected.difference(wanted, found or [], any_order)
            raise NotAsExpected(
                what, hint=_hint(near or (_FLUSH if seen.there is not None else None))
            )
        return found or []

    def wait_for(self, group: str, lag: int = 0, timeout: float = 10) -> int:
        """Wait until a group is at most so many records behind, and return how many.

        That is judged by what it has committed, in all partitions of the topics that it has
        committed to or is reading; where it has committed nothing all records count, but not
        those of aborted transactions. What lies behind the beginning of a transaction that is open
        counts until it ends. While its members share partitions out anew, nobody can say.

        Raises:
            NotAsExpected: it is not so far in time; the text says where it is.
            BadType: a lag that is no number.
        """
        __tracebackhide__ = True  # pytest then shows the line of the test
        checked_name("group", group)
        checked_whole(
            "lag",
            lag,
            INT64_MAX,
            hint="how many records; the topics are those that the group reads",
        )
        timeout = checked_seconds(timeout)
        now = Standing()

        def there() -> bool:
            nonlocal now
            now = standing(client, group, lag)
            return now.lag is not None and now.lag <= lag

        began_s = steady_s()
        with self._asking(patience_s=timeout) as client:
            seen = until(client, there, timeout - (steady_s() - began_s))
            open_in = None if seen.there else pending(client, group, now.places)
        if not seen.there:
            problem = f" (the last look: {seen.problem})" if seen.problem else ""
            raise NotAsExpected(
                f"group {group!r} is not at a lag of {lag} within {timeout:g} s: {now}"
                f"{f'; {open_in}' if open_in else ''}{problem}",
                hint=_hint(
                    "commit or abort it, or move the clock past its transaction.timeout.ms with "
                    'clock.advance(..., members="silent")'
                    if open_in
                    else "consumers commit when they are told to, when they close, or every "
                    "auto.commit.interval.ms (five seconds)"
                ),
            )
        return now.lag or 0

    def client_config(self, library: str, group: str | None = None) -> dict[str, Any]:
        """Ready arguments for "ottla", "confluent-kafka", "aiokafka", "kafka-python", "faststream".

        They are a producer's or an admin client's; with a group they are a consumer's, which
        begins with the first record (of faststream a subscriber's, whose broker has the address).

        Raises:
            BadArgument: another library.
        """
        from ottla.testing.client_configs import client_config

        return client_config(library, self.bootstrap_servers, group)

    def _asking(self, topic: str | None = None, patience_s: float | None = None) -> _Asking:
        where = self.bootstrap_servers if patience_s is None else self._servers_within(patience_s)
        return _Asking(where, topic)


class _Asking:
    """A client for one call. What it raises is told as that call's own, and says what can be done
    if the topic is not there.
    """

    def __init__(self, where: str, topic: str | None) -> None:
        from ottla.client.client import Client

        self._client = Client(where, client_id=CLIENT_ID, timeout_ms=TIMEOUT_MS)
        self._topic = topic

    def __enter__(self) -> Client:
        return self._client

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        __tracebackhide__ = True
        try:
            if isinstance(error, OttlaError) and self._topic and _is_unknown(error):
                error.hint = _near(self._client, self._topic) or error.hint
        finally:
            self._client.close()
        if isinstance(error, OttlaError):
            raise error.with_traceback(None) from None


def _is_unknown(error: OttlaError) -> bool:
    from ottla.client.errors import BrokerError
    from ottla.wire.errors import ErrorCode

    return isinstance(error, BrokerError) and error.code == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION


def _near(client: Client, topic: str) -> str | None:
    """What to do about a topic that is not there; None if it is."""
    from difflib import get_close_matches

    from ottla.client.admin import topics

    with suppress(OttlaError):
        names = topics.names(client, internal=False)
        if topic in names:
            return None
        near = get_close_matches(topic, names, 1)
        if near:
            return f"did you mean {near[0]!r}?"
    return (
        f"create_topic({topic!r}) makes it; by themselves topics are made when they are first "
        "written to, unless auto.create.topics.enable is off"
    )


def _why(client: Client, topic: str, *, exists: bool) -> str | None:
    """What else than its producers may keep a topic from holding what is expected."""
    from ottla.client import records
    from ottla.client.admin import offsets
    from ottla.client.errors import BrokerError

    if not exists:
        return _near(client, topic)
    with suppress(OttlaError):
        places = [(topic, number) for number in records.partitions(client, topic)]
        latest = dict.fromkeys(places, offsets.LATEST)
        ends = offsets.list_offsets(client, latest)
        for place, stable in offsets.list_offsets(client, latest, read_committed=True).items():
            end = ends[place]
            if isinstance(stable, BrokerError) or isinstance(end, BrokerError):
                continue
            if stable.offset < end.offset:
                return (
                    f"a transaction is open in {topic}-{place[1]}: until it ends nobody who reads "
                    f"what is committed sees anything from offset {stable.offset} on"
                )
        if "compact" in _configs(client, topic).get("cleanup.policy", ""):
            return (
                f"{topic} is compacted: what a later record overtook goes once its segment has "
                f"ended (segment.ms) and was cleaned, and stays until then; {_FLUSH}"
            )
    return None


def _only_grows(client: Client, topic: str) -> bool:
    """Whether nothing that is in the topic goes while a test looks at it."""
    by = _configs(client, topic)
    if not by:
        return False
    retention_ms = int(by["retention.ms"])
    return (
        by["cleanup.policy"] == "delete"
        and by["retention.bytes"] == "-1"
        and (retention_ms < 0 or retention_ms >= _SHRINKS_MS)
    )


def _configs(client: Client, topic: str) -> dict[str, str]:
    """Empty if there is no such topic."""
    from ottla.client.admin import configs
    from ottla.client.errors import BrokerError

    try:
        rows = configs.describe(client, configs.TOPIC, [topic])[topic]
    except BrokerError as error:
        if not _is_unknown(error):
            raise
        return {}
    return {row.name: row.value or "" for row in rows}


def _what_was_seen(topic: str, seen: Seen, timeout: float, looks: int, *, exists: bool) -> str:
    if seen.there is None:
        return f"{topic} does not hold what was expected, and no record to come can mend that"
    if not looks:
        return f"{topic} could not be read within {timeout:g} s: {seen.problem}"
    what = f"{topic} does not hold what was expected within {timeout:g} s"
    if not exists:
        what += ": there is no such topic"
    return what + (f" (the last look: {seen.problem})" if seen.problem else "")


def _hint(text: str | None) -> str | None:
    """The hint, with what a coroutine has to know."""
    if not blocks_a_loop():
        return text
    blocked = (
        "this call kept the event loop, and all that runs on it, waiting: `await broker.aio....` "
        "instead"
    )
    return blocked if text is None else f"{blocked}; {text}"


def _records(client: Client, topic: str, partition: int | None = None) -> list[Record]:
    from ottla.client import records

    numbers = records.partitions(client, topic) if partition is None else [partition]
    return [
        Record(r.value, r.key, r.headers, r.timestamp_ms, r.partition, r.offset, topic)
        for r in records.read(client, topic, numbers)
    ]


def _records_if_any(client: Client, topic: str) -> list[Record] | None:
    """As `_records`; None of a topic that is not there yet."""
    try:
        return _records(client, topic)
    except OttlaError as error:
        if not _is_unknown(error):
            raise
        return None
