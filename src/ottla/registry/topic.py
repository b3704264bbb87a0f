"""`_schemas`: made, read from its beginning to its end and on, and written to.

A thread reads and applies; whoever must know that something is applied waits for its offset. The
topic has one partition, is compacted, and holds nothing that is ours alone. Reads and writes are
plain ones (acks=all, idempotent), as those of every other registry on the same topic.

What stays true: `reach(offset)` returns only when every record below it is in the state; a record
that can't be read is counted, named in the log, and passed over; a Kafka that is lost is waited
for, for ever, and `trouble` says so meanwhile.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any

from ottla.client import (
    BrokerError,
    Client,
    Consumer,
    Delivery,
    OttlaError,
    Producer,
    TimedOut,
)
from ottla.client.admin import configs, topics
from ottla.client.admin.offsets import LATEST, list_offsets
from ottla.client.producing.producer import RecordTooLarge
from ottla.registry.refusals import SCHEMA_TOO_LARGE, STORE_FAILED, TOOK_TOO_LONG, refusal
from ottla.registry.stored import Entry, encoded
from ottla.steady import steady_s
from ottla.web.operation import Refusal
from ottla.wire.errors import ErrorCode
from ottla.wire.records import Record, build_batch

NAME = "_schemas"
PARTITION = 0
REPLICAS = 3
RECORD_BYTES_MAX = 1 << 20
POLL_S = 1.0
END_PATIENCE_MS = 10_000
"""Within this Kafka says where the end is, or is away: clients wait for that."""
AGAIN_S = 0.2
STILL_S = 15.0
RECENT_MAX = 1_000
"""So many records are remembered, for who wrote at the same time as others."""

_log = logging.getLogger("ottla.registry")


class BadTopic(OttlaError):
    """A topic that a registry's records would not be safe in."""


def make(client: Client, name: str = NAME) -> None:
    """Make the topic, unless it is there; and look whether it can keep schemas.

    Raises:
        BadTopic: it has several partitions, or would forget old records.
        BrokerError: it can't be made.
    """
    try:
        found = topics.describe(client, [name])[0]
    except BrokerError as error:
        if error.code != ErrorCode.UNKNOWN_TOPIC_OR_PARTITION:
            raise
        replicas = min(REPLICAS, len(client.nodes()))
        wanted = topics.NewTopic(name, 1, replicas, configs={"cleanup.policy": "compact"})
        refused = topics.create(client, [wanted])[name]
        if refused is not None and refused.code != ErrorCode.TOPIC_ALREADY_EXISTS:
            raise refused from None
        return
    if len(found.partitions) != 1:
        raise BadTopic(
            f"the topic {name} has {len(found.partitions)} partitions; a registry's has one",
            hint="name another topic, or make this one anew",
        )
    entries = configs.describe(client, configs.TOPIC, [name])[name]
    policy = next((entry.value for entry in entries if entry.name == "cleanup.policy"), None)
    if policy is not None and policy != "compact":
        raise BadTopic(
            f"the topic {name} has cleanup.policy={policy}: schemas would be lost in time",
            hint=f"ottla config topic {name} cleanup.policy=compact",
        )


def is_there(client: Client, name: str) -> bool:
    """Whether there is a topic of this name.

    Raises:
        BrokerError: Kafka does not say.
    """
    try:
        topics.describe(client, [name])
    except BrokerError as error:
        if error.code == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION:
            return False
        raise
    return True


class Topic:
    """One instance's view of the topic.

    Args:
        apply: takes key, value and timestamp of each record, and says whether it made sense.
    """

    def __init__(
        self,
        apply: Callable[[bytes | None, bytes | None, int], bool],
        name: str = NAME,
    ) -> None:
        self._apply = apply
        self.name = name
        self._place = (name, PARTITION)
        self._client: Client | None = None
        self._producer: Producer | None = None
        self._applied = -1
        """The offset up to which everything is applied; -1 before it is known where it begins."""
        self._unsettled: Delivery | None = None
        """What was sent, and nobody knows yet whether it is written."""
        self._moved = threading.Condition()
        self._recent: deque[tuple[int, bytes | None, bytes | None]] = deque(maxlen=RECENT_MAX)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._read, name=f"ottla{name}", daemon=True)
        self.trouble: str | None = None
        """Why nothing is read just now."""

    def start(self, client: Client) -> None:
        """Read on from here in a thread; `reach(end())` waits until all that is there is read."""
        self._client = client
        self._producer = Producer(
            client=client,
            acks="all",
            linger_ms=0,
            max_request_size=RECORD_BYTES_MAX,
        )
        self._thread.start()

    def close(self) -> None:
        """Stop reading and writing; again: nothing."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join()
        with self._moved:
            self._moved.notify_all()
        if self._producer is not None:
            # What nobody waits for any more is not worth more: it was answered as not written.
            with suppress(TimedOut):
                self._producer.close(timeout=1)

    def between(self, first: int, end: int) -> list[tuple[bytes | None, bytes | None]] | None:
        """Keys and values from one offset up to another; None where they are not known any more."""
        recent = list(self._recent)
        if first < end and (not recent or recent[0][0] > first):
            return None
        return [(key, value) for offset, key, value in recent if first <= offset < end]

    # ------------------------------------------------------------ reading

    @property
    def applied(self) -> int:
        """The offset below which everything is in the state."""
        return self._applied

    def end(self) -> int:
        """The offset that the next record of anybody gets.

        Raises:
            Refusal: 50001, Kafka does not say.
        """
        assert self._client is not None
        try:
            with self._client.within(END_PATIENCE_MS):
                found = list_offsets(self._client, {self._place: LATEST})[self._place]
        except OttlaError as error:
            raise refusal(STORE_FAILED, f"Kafka does not say what there is: {error}") from None
        if isinstance(found, BrokerError):
            raise refusal(STORE_FAILED, f"Kafka does not say what there is: {found}")
        return found.offset

    def reach(self, offset: int, within_s: float) -> None:
        """Wait until everything below an offset is in the state.

        Raises:
            Refusal: 50002, that took too long.
        """
        until = steady_s() + within_s
        with self._moved:
            while self._applied < offset:
                left = until - steady_s()
                if left <= 0 or self._closing.is_set():
                    why = f": {self.trouble}" if self.trouble else ""
                    raise refusal(TOOK_TOO_LONG, f"what was written was not read back in time{why}")
                self._moved.wait(left)

    def read_all(self) -> None:
        """Wait until all that is there now is in the state, however long that takes, as long as
        something is read.

        Raises:
            Refusal: 50002, nothing was read for a while; 50001, Kafka does not say what there is.
        """
        end, before = self.end(), -1
        while self._applied < end:
            try:
                self.reach(end, STILL_S)
            except Refusal:
                if self._applied == before:
                    raise
                before = self._applied
                _log.info("%s: read up to %d of %d", self.name, before, end)

    def _read(self) -> None:
        while not self._closing.is_set():
            try:
                self._read_on()
            except OttlaError as error:
                if self.trouble is None:
                    _log.warning("%s can't be read, and is tried again: %s", self.name, error)
                self.trouble = str(error)
                self._closing.wait(AGAIN_S)

    def _read_on(self) -> None:
        """Read until it can't go on."""
        assert self._client is not None
        with Consumer(client=self._client, auto_offset_reset="none", check_crcs=True) as consumer:
            if self._applied < 0:
                self._advance(consumer.beginning_offsets([self._place])[self._place])
            consumer.assign([(*self._place, self._applied)])
            while not self._closing.is_set():
                for batch in consumer.batches(POLL_S):
                    self._take(batch)
                self._advance(consumer.position(self._place))
                self.trouble = None

    def _take(self, batch: Any) -> None:
        for record in batch.records():
            if record.offset >= self._applied and not self._applied_well(record):
                _log.warning(
                    "offset %d of %s makes no sense, and is passed over: key %r",
                    record.offset,
                    self.name,
                    (record.key or b"")[:200],
                )

    def _applied_well(self, record: Any) -> bool:
        self._recent.append((record.offset, record.key, record.value))
        try:
            return self._apply(record.key, record.value, record.timestamp_ms)
        except Exception:  # whatever stands there, what comes after it is read
            _log.exception("offset %d of %s could not be applied", record.offset, self.name)
            return False

    def _advance(self, position: int) -> None:
        """What was handed out is applied, and so is what compaction took from between."""
        if position > self._applied:
            with self._moved:
                self._applied = position
                self._moved.notify_all()

    # ------------------------------------------------------------ writing

    def settle(self, within_s: float) -> bool:
        """Wait until a write that was given up on is written or lost: nothing may be decided while
        it may still come into the log.

        Returns:
            Whether there was one: then the log may have more than is known.

        Raises:
            Refusal: 50001, it is still under way.
        """
        unsettled = self._unsettled
        if unsettled is None:
            return False
        try:
            unsettled.result(max(within_s, 0.001))
        except OttlaError as error:
            if not unsettled.done:
                raise refusal(
                    STORE_FAILED, f"an earlier write is still under way: {error}"
                ) from None
        self._unsettled = None
        return True

    def write(self, entries: Iterable[Entry], within_s: float) -> int:
        """Write what was decided, all or none, and wait until it is applied.

        Raises:
            Refusal: as `write_raw`.
        """
        return self.write_raw([(encoded(key), encoded(value)) for key, value in entries], within_s)

    def write_raw(self, rows: Sequence[tuple[bytes | None, bytes | None]], within_s: float) -> int:
        """Write keys and values, all or none, and wait until they are applied.

        Returns:
            The offset of the first; -1 where there was none.

        Raises:
            Refusal: 42209, one is too large; 50001, Kafka did not take one; 50002, it took long.
        """
        assert self._producer is not None
        records = [
            Record(key, value, (), int(time.time() * 1000), number)
            for number, (key, value) in enumerate(rows)
        ]
        if not records:
            return -1
        until = steady_s() + within_s
        try:
            # Together or not at all, whoever dies on the way: one batch is one append.
            batch = build_batch(records, base_offset=0)
            if len(batch) > RECORD_BYTES_MAX:
                raise refusal(SCHEMA_TOO_LARGE, "the schema is too large for Kafka to keep")
            sent = self._unsettled = self._producer.send_batch(self.name, PARTITION, batch)
            first = sent.result(max(until - steady_s(), 0.001)).offset
            self._unsettled = None
        except Refusal:
            raise
        except RecordTooLarge as error:
            raise refusal(
                SCHEMA_TOO_LARGE, f"the schema is too large to be kept: {error}"
            ) from None
        except OttlaError as error:
            if isinstance(error, BrokerError) and error.code == ErrorCode.MESSAGE_TOO_LARGE:
                raise refusal(SCHEMA_TOO_LARGE, "the schema is too large for the topic") from None
            raise refusal(STORE_FAILED, f"Kafka did not take it: {error}") from None
        self.reach(first + len(records), max(until - steady_s(), 0.001))
        return first
