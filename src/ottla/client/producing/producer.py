"""A producer: records from any thread into partitions, in batches, acknowledged.

`send` puts a record into its partition's open batch and returns a `Delivery`, which knows offset or
error when the batch has ended; nothing of a record is waited for but room and, once a topic, its
partitions. What is sent when, and what answers mean, is decided in `sending.py`, in the client's
own thread; `aio.py` has the same for asyncio.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from types import TracebackType
from typing import Any, NoReturn, Self

from ottla.client import habits
from ottla.client.arguments import milliseconds, topic_of
from ottla.client.client import Client
from ottla.client.consuming.committing import OffsetAndMetadata, full_offsets
from ottla.client.errors import BadSetting, BrokerError, Closed, TimedOut
from ottla.client.machine import Questions
from ottla.client.membership.events import GroupGeneration
from ottla.client.metrics import Metrics, producer_metrics
from ottla.client.places import TopicPartition
from ottla.client.producing import unsent
from ottla.client.producing.identity import Idempotent, Nobody
from ottla.client.producing.sending import Sending, SendingSettings
from ottla.client.producing.transacting import (
    ABORTABLE,
    OPEN,
    Done,
    MustAbort,
    NoTransaction,
    Transactional,
)
from ottla.client.settings import Settings, merged
from ottla.errors import OttlaError
from ottla.wire.errors import ErrorCode
from ottla.wire.fetched import CoreError, RecordBatch
from ottla.wire.outbox import Delivery, Outbox

_ACKS = {"all": -1, "-1": -1, "0": 0, "1": 1}
_PASSING = (ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, ErrorCode.LEADER_NOT_AVAILABLE)


class Producer:
    """Sends records to partitions of topics. Any thread may use it.

    Args:
        settings: the addresses of the cluster, or all settings, by Java's or librdkafka's names.
        client: a client to share; without one the producer has its own, and closes it.
        more: further settings, as `linger_ms=5`.

    Raises:
        BadSetting: a setting that is unknown, wrong or not honoured.
        BadAddress: the addresses make no sense.
    """

    def __init__(
        self,
        settings: Mapping[str, Any] | str | None = None,
        *,
        client: Client | None = None,
        **more: Any,
    ) -> None:
        found = self._settings = Settings("producer", merged(settings, more, client))
        acks, idempotent = _guarantees(found)
        self._max_block_ms: int = found["max.block.ms"]
        self._owns_client = client is None
        self._client = client or found.client()
        self.waiting = self._client.waiting
        codec: str = found["compression.type"]
        levels = {"gzip", "lz4", "zstd"}
        level = found[f"compression.{codec}.level"] if codec in levels else None
        self._outbox = Outbox(
            batch_bytes=found["batch.size"],
            buffer_bytes=found["buffer.memory"],
            record_bytes_max=found["max.request.size"],
            linger_ms=found["linger.ms"],
            codec=codec,
            level=None if codec == "gzip" and level == -1 else level,
            seed=self.waiting.random(),
            wake=self._client.wake,
            waiter=self._wait_for,
        )
        self._way = self._client.network.new_way()
        questions = Questions(self._way)
        identity = _identity(self._client, questions, found, idempotent)
        self._transactions = identity if isinstance(identity, Transactional) else None
        self._machine = Sending(
            self._outbox, self._client.places, identity, questions, _sending(found, acks)
        )
        self._unheard: tuple[str, list[OttlaError | None]] | None = None
        """What was begun at the coordinator, and whoever waited for its end has left."""
        self._closed = False
        self._append = self._outbox.append
        self._client.run(self._machine)
        unsent.watch(self._outbox)

    # ------------------------------------------------------------ records

    def send(
        self,
        topic: str,
        value: bytes | str | None = None,
        key: bytes | str | None = None,
        *,
        headers: Any = (),
        partition: int = -1,
        timestamp_ms: int = -1,
        on_delivery: Callable[[Delivery], object] | None = None,
    ) -> Delivery:
        """Take one record; it is sent in the background.

        Without a partition its key decides, as in Java's producer; without a key it goes along with
        others. `on_delivery` is called in the client's thread when it has ended.

        Raises:
            TimedOut: the topic's partitions were not known, or there was no room, for max.block.ms.
            BrokerError: the topic can't be written to.
            BadRecord: it is too large, or for a partition that is not there.
            Closed: the producer was closed.
            OttlaError: in a delivery callback it would have to wait, for the thread that it is in.
        """
        if self._transactions is not None:
            self._check()
        try:  # as `_offer`, whose call would be a twentieth of what a record costs
            delivery = self._append(
                topic, value, key, headers, partition, timestamp_ms, on_delivery
            )
        except CoreError as error:
            self._refuse(error, topic, partition)
        if delivery is None:
            # Not a lambda: each call would pay for what that closes over.
            record = (topic, value, key, headers, partition, timestamp_ms, on_delivery)
            delivery = self._send_later(topic, partial(self._offer, *record))
        return delivery

    def _offer(
        self,
        topic: str,
        value: bytes | str | None,
        key: bytes | str | None,
        headers: Any,
        partition: int,
        timestamp_ms: int,
        on_delivery: Callable[[Delivery], object] | None,
    ) -> Delivery | None:
        """What `send` does, without waiting: None while there is no room, or the topic's partitions
        are not known.

        Raises:
            What `send` raises, but for TimedOut.
        """
        if self._transactions is not None:
            self._check()  # what is closed or broken the outbox says itself
        try:
            return self._append(topic, value, key, headers, partition, timestamp_ms, on_delivery)
        except CoreError as error:
            self._refuse(error, topic, partition)

    def send_batch(self, topic: str, partition: int, batch: RecordBatch | bytes) -> Delivery:
        """Send a sealed batch as it is, without an object for any of its records.

        Offsets, producer and sequence are this producer's; codec, timestamps, keys, values and
        headers stay. The delivery is its first record's.

        Raises:
            What `send` raises.
        """
        data = bytes(batch)

        def offer() -> Delivery | None:
            self._check()
            try:
                return self._outbox.append_batch(topic, partition, data)
            except CoreError as error:
                self._refuse(error, topic, partition)

        return offer() or self._send_later(topic, offer)

    def _send_later(self, topic: str, offer: Callable[[], Delivery | None]) -> Delivery:
        """Wait for what it takes: the topic's partitions, or room."""
        self._not_in_a_callback("send")
        until_ms = self.waiting.now_ms() + self._max_block_ms
        found: list[Delivery] = []

        def done() -> bool:
            if not found and self._may_take(topic) and (delivery := offer()) is not None:
                found.append(delivery)
            return bool(found)

        with self.waiting:
            self._want(topic)
            self.waiting.wait_for(done, until_ms)
        if found:
            return found[0]
        raise self._why_not(topic)

    def _want(self, topic: str) -> None:
        """Have the topic's partitions asked for. Inside the monitor."""
        self._machine.topics.add(topic_of(topic))
        self._client.wake()

    def _may_take(self, topic: str) -> bool:
        """Whether it is worth it to offer a record again.

        Raises:
            BrokerError: the topic can't be written to.
            BadAddress, TlsFailed, AuthenticationFailed: no node can be reached, and that stays so.
        """
        refusal = self._refusal(topic) or self._client.network.what_stays()
        if refusal is not None:
            raise refusal
        return True

    def partitions_for(self, topic: str, timeout: float | None = None) -> list[int]:
        """The partitions of a topic; asking makes it where nodes may.

        Raises:
            BrokerError: it can't be written to, or is still not there.
            TimedOut: nobody told within so many seconds (max.block.ms without one).
        """
        self._not_in_a_callback("partitions_for")
        timeout_ms = self._within_ms(timeout)
        with self.waiting:
            self._want(topic)
            self.waiting.wait_for(
                lambda: self._may_take(topic) and self._outbox.knows(topic),
                self.waiting.now_ms() + timeout_ms,
            )
            known = self._client.places.topic(topic)
        if known is None or not self._outbox.knows(topic):
            raise self._why_not(topic)
        return sorted(known.partitions)

    def _refusal(self, topic: str) -> BrokerError | None:
        """Why a topic can't be written to, if that does not pass by itself."""
        known = self._client.places.topic(topic)
        if known is None or not known.error or known.error in _PASSING:
            return None
        return BrokerError(known.error, f"topic '{topic}': {ErrorCode(known.error).text}")

    def _why_not(self, topic: str) -> OttlaError:
        """Why a record was not taken for max.block.ms."""
        if self._outbox.knows(topic):
            return TimedOut(
                f"no room for another record within {self._max_block_ms} ms: "
                f"{self._outbox.buffered_bytes} bytes wait to be acknowledged",
                hint="buffer.memory says how much may wait; are the partitions' leaders there?",
            )
        known = self._client.places.topic(topic)
        if known is not None and known.error:
            return BrokerError(known.error, f"topic '{topic}': {ErrorCode(known.error).text}")
        return self._late(
            f"nobody told the partitions of topic '{topic}' within {self._max_block_ms} ms"
        )

    def _late(self, text: str, hint: str | None = None) -> TimedOut:
        """It was not done in time, and why nobody could be asked, if that is so."""
        failure = self._client.network.last_failure()
        why = f": {failure}" if failure else ""
        return TimedOut(f"{text}{why}", hint=(failure and failure.hint) or hint)

    def _within_ms(self, timeout: float | None) -> int:
        return self._max_block_ms if timeout is None else milliseconds(timeout)

    def _refuse(self, error: CoreError, topic: str, partition: int) -> NoReturn:
        most = self._settings["max.request.size"]
        if error.kind == "refused":
            raise RecordTooLarge(
                f"a record of {error.text} bytes is too large: max.request.size is {most}",
                hint="raise max.request.size, and max.message.bytes of the topic",
            ) from None
        if error.kind == "stopped":
            self._check()
            raise Closed("the producer is closed") from None
        if error.kind == "unknown-partition":
            raise BadRecord(f"{topic}-{partition}: {error.text}") from None
        raise BadRecord(error.text) from None

    @property
    def _is_over(self) -> bool:
        return self._closed or self._machine.broken is not None

    def _check(self) -> None:
        """Whether a record may be sent now."""
        if self._closed:
            raise Closed("the producer is closed")
        if self._machine.broken is not None:
            raise self._machine.broken
        transactions = self._transactions
        if transactions is not None and transactions.state != OPEN:
            transactions.require_open()

    # ------------------------------------------------------------ transactions

    def init_transactions(self, timeout: float | None = None) -> None:
        """Take the transactional id, once, before anything else: whoever had it is fenced, and what
        that had open is ended.

        Raises:
            Fenced: yet another one has taken it.
            TimedOut: not within so many seconds (max.block.ms without one); it may be called again.
            NoTransaction: it was done before, or there is no transactional.id.
        """
        self._do("init", lambda which, done: which.initialize(done), timeout)

    def begin_transaction(self) -> None:
        """What is sent from now on belongs together.

        Raises:
            NoTransaction: there is one, or init_transactions() was not called.
        """
        with self.waiting:
            self._transactional().begin()
            self._unheard = None

    def send_offsets_to_transaction(
        self,
        offsets: Mapping[TopicPartition, int | OffsetAndMetadata],
        group: GroupGeneration | str,
        timeout: float | None = None,
    ) -> None:
        """Let the positions of a group be committed with the transaction.

        The group is what `Consumer.group_metadata()` tells, or, without a check that the member is
        still one, its name.

        Raises:
            MustAbort: the group has gone on without the member, or something else failed.
            TimedOut: not within so many seconds (max.block.ms without one).
            NoTransaction: none is open.
        """
        whose = GroupGeneration(group, "", None, -1) if isinstance(group, str) else group
        full = full_offsets(offsets)
        if full:
            self._do("offsets", lambda which, done: which.send_offsets(full, whose, done), timeout)

    def commit_transaction(self, timeout: float | None = None) -> None:
        """All that was sent counts, and the offsets too: all of it or nothing.

        Raises:
            MustAbort: something of it failed; abort_transaction(), and do it again.
            Fenced: another producer has the transactional id.
            TimedOut: not within so many seconds (max.block.ms without one); whether it counts is
                not known until it is called again.
            NoTransaction: none is open.
        """

        def end(which: Transactional, done: Done) -> None:
            which.end(True, done)
            self._outbox.close_all()

        self._do("commit", end, timeout)

    @contextlib.contextmanager
    def transaction(self, timeout: float | None = None) -> Iterator[Self]:
        """A transaction for a `with` block: committed at its end, aborted if it fails.

        Raises:
            What `begin_transaction` and `commit_transaction` raise; what must be aborted is.
        """
        self.begin_transaction()
        try:
            yield self
        except BaseException:
            with contextlib.suppress(OttlaError):
                self.abort_transaction(timeout)
            raise
        try:
            self.commit_transaction(timeout)
        except MustAbort:
            with contextlib.suppress(OttlaError):
                self.abort_transaction(timeout)
            raise

    def abort_transaction(self, timeout: float | None = None) -> None:
        """Nothing of it counts.

        Raises:
            Fenced: another producer has the transactional id.
            TimedOut: not within so many seconds (max.block.ms without one); call it again.
            NoTransaction: none is open.
        """

        def end(which: Transactional, done: Done) -> None:
            which.end(False, done)
            self._machine.drop_unsent(MustAbort("the transaction was aborted"))

        self._do("abort", end, timeout)

    def _transactional(self) -> Transactional:
        if self._closed:
            raise Closed("the producer is closed")
        if self._transactions is None:
            raise NoTransaction("a transaction needs transactional.id")
        return self._transactions

    def _do(
        self, what: str, start: Callable[[Transactional, Done], None], timeout: float | None
    ) -> None:
        """Begin something at the coordinator, and wait for its end; go on waiting for what was
        begun before.
        """
        self._not_in_a_callback("this")
        timeout_ms = self._within_ms(timeout)
        until_ms = self.waiting.now_ms() + timeout_ms
        with self.waiting:
            transactional, before = self._transactional(), self._unheard
            if before is not None and before[0] == what != "offsets":
                ends = before[1]
            else:
                ends = []
                start(transactional, ends.append)
                self._unheard = (what, ends)
            self._client.wake()
            self.waiting.wait_for(lambda: bool(ends) or self._is_over, until_ms)
        if self._machine.broken is not None:
            raise self._machine.broken
        if not ends:
            if self._closed:
                raise Closed("the producer was closed meanwhile")
            failure = transactional.last_failure or self._client.network.last_failure()
            raise TimedOut(
                f"the transaction coordinator has not done it within {timeout_ms} ms"
                + (f": {failure}" if failure else ""),
                hint="call it again to go on waiting",
            )
        self._unheard = None
        if ends[0] is not None:
            raise ends[0]

    def metrics(self) -> Metrics:
        """What it counted, by the names of Java's producer."""
        with self.waiting:
            return producer_metrics(self._client.network, self._machine.counted)

    # ------------------------------------------------------------ ends

    def flush(self, timeout: float | None = None) -> None:
        """Send everything now, and wait until all that was sent before has ended.

        Raises:
            TimedOut: not within so many seconds.
        """
        self._not_in_a_callback("flush")
        until_ms = None if timeout is None else self.waiting.now_ms() + milliseconds(timeout)
        self._outbox.close_all()
        mark = self._outbox.next_id

        def done() -> bool:
            oldest = self._outbox.oldest
            return oldest is None or oldest >= mark

        self._client.wake()
        self.waiting.wait_for(done, until_ms)
        if not done():
            hint = f"they are tried for delivery.timeout.ms={self._settings['delivery.timeout.ms']}"
            raise self._late(f"records are still on their way after {timeout:g} s", hint)

    def close(self, timeout: float | None = None) -> None:
        """Flush, then end. What is not acknowledged in time is given up, and a transaction that is
        open is aborted.

        Calling it again does nothing.
        """
        if self._closed:
            return
        late: OttlaError | None = None
        try:
            transactions = self._transactions
            if transactions is not None and transactions.state in (OPEN, ABORTABLE):
                # Else readers of what is committed would wait until it is too old.
                with contextlib.suppress(OttlaError):
                    self.abort_transaction(timeout)
            self.flush(timeout)
        except TimedOut as error:
            late = error
        finally:
            self._closed = True
            unsent.forget(self._outbox)
            with self.waiting:
                self._client.drop(self._machine, [self._way])
                self._outbox.stop()
                self._machine.fail_all(Closed("the producer was closed before this was written"))
                self.waiting.look()
            for call in self._machine.calls():
                call()
            with self.waiting:
                self.waiting.look()  # who waits in flush() waits for these calls
            if self._owns_client:
                self._client.close()
        if late is not None:
            raise late

    def _wait_for(self, delivery: Delivery, timeout: float | None) -> None:
        """For a delivery's `result`."""
        self._not_in_a_callback("result")
        until_ms = None if timeout is None else self.waiting.now_ms() + milliseconds(timeout)
        self.waiting.wait_for(lambda: delivery.done, until_ms)
        if not delivery.done:
            text = f"{delivery.topic}-{delivery.partition}: not written after {timeout} s"
            raise self._late(text, "it may still be: result() again says so")

    def _not_in_a_callback(self, what: str) -> None:
        if self._client.is_own_thread(threading.get_ident()):
            raise OttlaError(
                f"{what}() in a callback would wait for the thread that it runs in",
                hint="hand on what came to another thread, and wait there",
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


habits.answer(Producer)


class BadRecord(OttlaError):
    """A record that no cluster would be asked to take."""


class RecordTooLarge(BadRecord):
    """One that is larger than max.request.size."""


def _sending(settings: Settings, acks: int) -> SendingSettings:
    return SendingSettings(
        acks=acks,
        request_bytes_max=settings["max.request.size"],
        in_flight_max=settings["max.in.flight.requests.per.connection"],
        request_timeout_ms=settings["request.timeout.ms"],
        delivery_timeout_ms=settings["delivery.timeout.ms"],
        retry_backoff_ms=settings["retry.backoff.ms"],
        retry_backoff_ms_max=settings["retry.backoff.max.ms"],
        retries=settings["retries"],
    )


def _identity(client: Client, questions: Questions, settings: Settings, idempotent: bool) -> Nobody:
    transactional_id = settings["transactional.id"]
    if transactional_id is not None:
        return Transactional(
            transactional_id,
            client.places,
            questions,
            transaction_timeout_ms=settings["transaction.timeout.ms"],
            request_timeout_ms=settings["request.timeout.ms"],
            backoff=settings.new_backoff(client.chance),
        )
    if not idempotent:
        return Nobody()
    backoff = settings.new_backoff(client.chance)
    return Idempotent(questions, settings["request.timeout.ms"], backoff)


def _guarantees(settings: Settings) -> tuple[int, bool]:
    """acks, and whether the producer is idempotent: as Java's, it is unless something speaks
    against it that was given.

    Raises:
        BadSetting: it was asked for, and so was what speaks against it.
    """
    acks = _ACKS[str(settings["acks"])]
    against = []
    if acks != -1:
        against.append("acks=all")
    if settings["retries"] == 0:
        against.append("retries above 0")
    if settings["max.in.flight.requests.per.connection"] > 5:
        against.append("max.in.flight.requests.per.connection of at most 5")
    wanted = settings.given("transactional.id") or (
        settings.given("enable.idempotence") and settings["enable.idempotence"]
    )
    if wanted and against:
        text = f"an idempotent producer needs {' and '.join(against)}"
        hint = "leave out what speaks against that, or enable.idempotence and transactional.id"
        raise BadSetting("enable.idempotence", text, hint=hint)
    if settings["max.in.flight.requests.per.connection"] > 5:
        text = "max.in.flight.requests.per.connection takes 1 to 5: a connection carries no more"
        raise BadSetting("max.in.flight.requests.per.connection", text, hint="leave it out")
    least_ms = settings["linger.ms"] + settings["request.timeout.ms"]
    if settings.given("delivery.timeout.ms") and settings["delivery.timeout.ms"] < least_ms:
        parts = f"{settings.shown('linger.ms')} and {settings.shown('request.timeout.ms')} together"
        text = f"{settings.shown('delivery.timeout.ms')} is below {parts}"
        raise BadSetting("delivery.timeout.ms", text, hint="raise it, or lower those")
    return acks, bool(settings["enable.idempotence"]) and not against
