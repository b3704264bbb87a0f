"""The producer and the consumer under the load tools: all that these know of librdkafka.

Settings come under Java's names, and what has no counterpart here is refused by name: a measurement
without it would be of something else. What nobody sets is as Java's clients have it, so that
batches, memory and time-outs are those that figures of Apache's tools come from.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from ottla.cli.librdkafka import (
    INT_MAX,
    Complaints,
    Interrupts,
    in_our_words,
    in_words,
    require_int,
    signals_end_it,
    translate,
    wait_for_cluster,
)
from ottla.cli.run import Failed
from ottla.client.addresses import parse_bootstrap
from ottla.client.errors import BrokerError
from ottla.client.places import TopicPartition
from ottla.errors import OttlaError

RECORDS_PER_POLL = 500
"""Java's max.poll.records."""

MAX_BLOCK_MS = 60_000
WAIT_S = 0.1
"""How long librdkafka may wait while nothing else is listened to."""

TOPIC_S = 1.0
LIST_AGAIN_S = 10.0
STATISTICS_MS = 100
STATISTICS_S = 10.0
"""How long they are waited for at most."""

ID_S = 5.0
"""How long a producer's id is waited for at most."""

_OF_THE_TOOL = {"key.serializer", "value.serializer", "key.deserializer", "value.deserializer"}
"""Apache's tools put their own over these, whatever is set."""

PRODUCER_DEFAULTS = {
    "partitioner": "murmur2_random",
    "batch.size": 16_384,
    "linger.ms": 5,
    "message.max.bytes": 1_048_576,
    "queue.buffering.max.kbytes": 32_768,
    "queue.buffering.max.messages": 0,
    "max.in.flight.requests.per.connection": 5,
    "log_level": 2,
}
CONSUMER_DEFAULTS = {
    "isolation.level": "read_uncommitted",
    "allow.auto.create.topics": True,
    "check.crcs": True,
    # It waits a second otherwise whenever its queue was full.
    "fetch.queue.backoff.ms": 2,
    "log_level": 2,
}


class Record(NamedTuple):
    """What is sent."""

    topic: str
    value: bytes
    key: bytes | None = None
    headers: list[tuple[str, str | bytes | None]] | None = None
    timestamp_ms: int = 0
    """When it was made; 0: now."""
    partition: int = -1


Report = Any
"""A record that is acknowledged, or was read."""

Done = Callable[[Any, Report], None]
"""Is called with an error or None, and with the record's report."""


def latency_ms(report: Report) -> int:
    """From when the record was handed over until it was acknowledged."""
    return int(report.latency() * 1000)


def size_of(report: Report) -> int:
    """Bytes of its key and value."""
    key = report.key()
    return len(report) + (0 if key is None else len(key))


def exception_class(error: Any) -> str:
    """What Java's producer calls an error of a record."""
    from confluent_kafka import KafkaError

    from ottla.cli.exceptions import PACKAGE, exception_name

    local = {
        KafkaError._MSG_TIMED_OUT: "TimeoutException",
        KafkaError._TIMED_OUT: "TimeoutException",
        KafkaError._TRANSPORT: "NetworkException",
        KafkaError._UNKNOWN_TOPIC: "UnknownTopicOrPartitionException",
        KafkaError._UNKNOWN_PARTITION: "UnknownTopicOrPartitionException",
    }
    code = error.code()
    if code in local:
        return f"{PACKAGE}errors.{local[code]}"
    with suppress(ValueError, KeyError):
        return exception_name(BrokerError(code))
    return f"{PACKAGE}KafkaException"


class LoadProducer:
    """Sends records and tells what became of each."""

    def __init__(
        self,
        given: Mapping[str, str],
        interrupts: Interrupts,
        *,
        measures: bool = False,
    ) -> None:
        from confluent_kafka import Producer

        given = {key: value for key, value in given.items() if key not in _OF_THE_TOOL}
        text = given.pop("max.block.ms", str(MAX_BLOCK_MS))
        self.max_block_ms = require_int("max.block.ms", text, min=0, max=2**63 - 1)
        _require_resolvable(given)
        self._call = interrupts.call
        self._interrupts = interrupts
        translated = translate(given, consumer=False, refuses=True)
        settings = {**PRODUCER_DEFAULTS, **_guarantees(given), **translated}
        self._is_idempotent = str(settings["enable.idempotence"]).lower() == "true"
        self._complaints = settings["error_cb"] = Complaints()
        self._statistics: list[str] = []
        if measures:
            settings |= _tells_statistics(self._statistics)
        with in_words("the producer's settings are refused"):
            self._producer = Producer(settings)
        self._measures = measures
        self._is_known = False

    def wait_for_topic(self, topic: str) -> None:
        """Until the cluster tells where the topic is; that makes it where nodes may.

        Raises:
            Failed: not within max.block.ms.
        """
        if not self._is_known:
            wait_for_cluster(self._producer, self._interrupts, self.max_block_ms, topic, ends=False)
            self._is_known = True
            if self._measures and self._is_idempotent:
                self._wait_for_id()

    def _wait_for_id(self) -> None:
        """Until it has its producer id, which librdkafka asks for again after half a second if no
        connection was there yet: records would wait for that, and be measured with it.
        """
        deadline = time.monotonic() + ID_S
        while time.monotonic() < deadline:
            if '"idemp_state":"Assigned"' in self.statistics().replace(" ", ""):
                return

    def send(self, record: Record, done: Done) -> None:
        """Hand a record over; if there is no room, as soon as there is.

        Raises:
            Failed: there was none for max.block.ms.
            Refused: no cluster would be asked to take it.
        """
        from confluent_kafka import KafkaException

        topic, value, key, headers, timestamp_ms, partition = record
        deadline = None
        while True:
            try:
                self._producer.produce(
                    topic,
                    value,
                    key,
                    partition=partition,
                    on_delivery=done,
                    timestamp=timestamp_ms,
                    headers=headers,
                )
                break
            except KafkaException as problem:
                raise Refused(problem.args[0]) from None
            except BufferError:
                deadline = deadline or time.monotonic() + self.max_block_ms / 1000
                if time.monotonic() > deadline:
                    raise Failed("no room for more records: nobody takes them") from None
                self._call(self._producer.poll, WAIT_S)
        self._producer.poll(0)

    def wait(self, seconds: float) -> None:
        """Hear of records for so long."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self._call(self._producer.poll, min(WAIT_S, left))

    def wait_until(self, heard: Callable[[], object]) -> None:
        """Until what `heard` waits for was heard of."""
        while not heard():
            self._call(self._producer.poll, WAIT_S)

    def flush(self) -> None:
        """Until all that was sent is acknowledged or given up."""
        while len(self._producer):
            self._call(self._producer.flush, WAIT_S)
        self._complaints.answered()

    def statistics(self) -> str:
        """What librdkafka counted by now, as JSON."""
        return _heard(self._statistics, lambda: self._call(self._producer.poll, WAIT_S))

    def init_transactions(self) -> None:
        """Fence whoever had the transactional id."""
        with in_words("the transactional id is not taken"):
            self._call(self._producer.init_transactions, self.max_block_ms / 1000)

    def begin_transaction(self) -> None:
        """What is sent from now on counts when it is committed."""
        with in_words("no transaction begins"):
            self._producer.begin_transaction()

    def commit_transaction(self) -> None:
        """All that was sent counts; it is written by then."""
        with in_words("the transaction is not committed"):
            self._call(self._producer.commit_transaction, self.max_block_ms / 1000)


class Refused(OttlaError):
    """A record that is not even sent; `error` is librdkafka's."""

    def __init__(self, error: Any) -> None:
        self.error = error
        super().__init__(error.str())


class LoadConsumer:
    """Reads records, as a member of a group or at places of its own."""

    def __init__(
        self,
        given: Mapping[str, str],
        interrupts: Interrupts,
        *,
        on_assigned: Callable[[list[TopicPartition]], None] = lambda _: None,
        on_revoked: Callable[[list[TopicPartition]], None] = lambda _: None,
        measures: bool = False,
    ) -> None:
        from confluent_kafka import Consumer

        given = {key: value for key, value in given.items() if key not in _OF_THE_TOOL}
        text = given.pop("max.poll.records", str(RECORDS_PER_POLL))
        self._most = require_int("max.poll.records", text, min=1)
        _require_resolvable(given)
        settings = {**CONSUMER_DEFAULTS, **translate(given, consumer=True, refuses=True)}
        self._complaints = settings["error_cb"] = Complaints()
        self._statistics: list[str] = []
        if measures:
            settings |= _tells_statistics(self._statistics)
        with in_words("the consumer's settings are refused"):
            self._consumer = Consumer(settings)
        self._call = interrupts.call
        self._on_assigned, self._on_revoked = on_assigned, on_revoked
        self._includes: Callable[[str], bool] | None = None
        self._subscribed: list[str] = []
        self._listed_at = 0.0

    def subscribe(self, topic: str) -> None:
        """Read a topic; asking for it makes it where nodes may."""
        from confluent_kafka import KafkaException

        with suppress(KafkaException):
            self._call(lambda: self._consumer.list_topics(topic, timeout=TOPIC_S))
        self._subscribe([topic])

    def include(self, includes: Callable[[str], bool]) -> None:
        """Read the topics that match, also those that come later."""
        self._includes = includes
        self._list()

    def _list(self) -> None:
        from confluent_kafka import KafkaException

        self._listed_at = time.monotonic()
        with suppress(KafkaException):
            found = self._call(lambda: self._consumer.list_topics(timeout=TOPIC_S))
            topics = sorted(
                name for name in found.topics if self._includes and self._includes(name)
            )
            if topics != self._subscribed:
                self._subscribe(topics)

    def _subscribe(self, topics: list[str]) -> None:
        self._subscribed = topics
        self._consumer.subscribe(
            topics,
            on_assign=lambda _, places: self._on_assigned(_places(places)),
            on_revoke=lambda _, places: self._on_revoked(_places(places)),
            on_lost=lambda _, places: self._on_revoked(_places(places)),
        )

    def go_to_end(self, topic: str) -> None:
        """Read the topic, without a group, from where it ends by now.

        Raises:
            Failed: nobody tells where that is.
        """
        from confluent_kafka import TopicPartition as Place

        with in_words("the topic can't be read"), signals_end_it():
            numbers = self._consumer.list_topics(topic, timeout=MAX_BLOCK_MS / 1000)
            places = []
            for number in numbers.topics[topic].partitions:
                place = Place(topic, number)
                end = self._consumer.get_watermark_offsets(place, timeout=MAX_BLOCK_MS / 1000)[1]
                places.append(Place(topic, number, end))
            self._consumer.assign(places)

    def wait_for_cluster(self, patience_ms: int, interrupts: Interrupts) -> list[str]:
        """The topics that there are.

        Raises:
            Failed: nobody told in time.
        """
        wait_for_cluster(self._consumer, interrupts, patience_ms)
        with in_words("the topics are not told"):
            return list(self._consumer.list_topics(timeout=patience_ms / 1000).topics)

    def poll(self, wait_s: float) -> list[Report]:
        """The records that came, or none.

        Raises:
            Failed: reading can't go on.
        """
        again_s = LIST_AGAIN_S if self._subscribed else TOPIC_S
        if self._includes is not None and time.monotonic() - self._listed_at > again_s:
            self._list()
        first = self._call(self._consumer.poll, wait_s)
        if first is None:
            return []
        found = [first]
        if first.error() is None and self._most > 1:
            # What came along with it needs no waiting.
            found += self._call(self._consumer.consume, self._most - 1, 0)
        return [one for one in found if one.error() is None or self._handle(one.error())]

    def _handle(self, error: Any) -> bool:
        from confluent_kafka import KafkaError

        passing = (
            KafkaError.UNKNOWN_TOPIC_OR_PART,
            KafkaError._UNKNOWN_TOPIC,
            KafkaError.LEADER_NOT_AVAILABLE,
        )
        if error.code() not in passing and not error.retriable():
            raise Failed(in_our_words(error))
        self._complaints(error)
        return False

    def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Commit, and wait until it is done.

        Raises:
            Failed: it is refused.
        """
        from confluent_kafka import KafkaException
        from confluent_kafka import TopicPartition as Place

        places = [Place(topic, number, offset) for (topic, number), offset in offsets.items()]
        try:
            self._call(lambda: self._consumer.commit(offsets=places, asynchronous=False))
        except KafkaException as problem:
            raise Failed(problem.args[0].str()) from None

    def statistics(self) -> str:
        """What librdkafka counted by now, as JSON; no record is read meanwhile."""
        self._consumer.pause(self._consumer.assignment())
        return _heard(self._statistics, lambda: self._call(self._consumer.poll, WAIT_S))

    def close(self) -> None:
        """Leave the group."""
        self._call(self._consumer.close)


def _tells_statistics(heard: list[str]) -> dict[str, Any]:
    """Settings by which the list holds the newest statistics."""

    def hear(text: str) -> None:
        heard[:] = [text]

    return {"stats_cb": hear, "statistics.interval.ms": STATISTICS_MS}


def _heard(statistics: list[str], poll: Callable[[], object]) -> str:
    """The next statistics that come."""
    statistics.clear()
    deadline = time.monotonic() + STATISTICS_S
    while not statistics:
        poll()
        if time.monotonic() > deadline:
            raise Failed("librdkafka tells no statistics")
    return statistics[0]


def _places(places: list[Any]) -> list[TopicPartition]:
    return [(place.topic, place.partition) for place in places]


def _guarantees(given: Mapping[str, str]) -> dict[str, Any]:
    """acks, idempotence and how long a record is tried, as Java's producer has them by default; the
    numbers given are some.
    """
    all_acks = given.get("acks", "all") in ("all", "-1")
    room = int(given.get("max.in.flight.requests.per.connection", "5")) <= 5
    idempotent = all_acks and given.get("retries") != "0" and room
    if "transactional.id" in given:
        idempotent = True
    wait_ms = 120_000
    if "transactional.id" in given:
        wait_ms = min(wait_ms, int(given.get("transaction.timeout.ms", "60000")))
    return {
        "acks": given.get("acks", "all"),
        "enable.idempotence": idempotent,
        "retries": INT_MAX,
        "delivery.timeout.ms": wait_ms,
    }


def _require_resolvable(given: Mapping[str, str]) -> None:
    """Refuse a list of nodes of which no name leads anywhere: Java's clients do not even start."""
    import socket

    text = given.get("bootstrap.servers", "")
    for host, port in parse_bootstrap(text):
        with suppress(OSError):
            socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            return
    raise Failed(f"No resolvable bootstrap urls given in bootstrap.servers: {text}")
