"""A broker's group coordinator in a world without files, threads and clocks.

The log keeps real batches (built and read by the core), so a restart replays exactly what was
written. The high watermark can be held back, an append or a read can be made to fail, and the
clocks stand still until they are moved.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Any, NamedTuple

from ottla._core import Appended, CoreError, PartitionOffsets
from ottla.coordinators.batches import marker_of
from ottla.coordinators.group.config import ConfigOf, GroupConfig
from ottla.coordinators.group.coordinator import GroupCoordinator
from ottla.coordinators.group.kinds import Kinds
from ottla.coordinators.group.shard import GroupShard, every_kind
from ottla.coordinators.questions import PartitionsAdded
from ottla.coordinators.runtime import Runtime
from ottla.decide import Ask, Now, Timer
from ottla.errors import BrokenInvariant
from ottla.metadata.delta import MetadataDelta
from ottla.metadata.image import EMPTY_IMAGE, Topic, Topics
from ottla.node.coordinator_log import CoreLog
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.offset_fetch import OffsetFetchRequest
from ottla.wire.producers import EPOCH_BUMPS_LEVEL, EPOCH_MAX
from ottla.wire.records import Batch, CorruptBatch, read_batches
from ottla.wire.schema import ProtocolError
from ottla.wire.stored.frame import CONSUMER_OFFSETS
from ottla.wire.stored.metadata import RemoveTopicRecord
from ottla.wire.types import ZERO_UUID

TURNS_MAX = 100_000


class Counter:
    """Identifiers that count: the first is ...0001."""

    def __init__(self) -> None:
        self.count = 0

    def uuid(self) -> bytes:
        self.count += 1
        return self.count.to_bytes(16, "big")

    def below(self, bound: int) -> int:
        self.count += 1
        return self.count % bound


class KnownProducer(NamedTuple):
    """What the core's log knows of a producer (rust/core/src/log/producers.rs)."""

    epoch: int = -1
    coordinator_epoch: int = -1
    is_open: bool = False
    """Whether it has a transaction open here."""

    def after(self, batch: Batch, transaction_version: int) -> KnownProducer:
        """What is known when a coordinator's batch is written.

        Raises:
            CoreError: the log would not take it.
        """
        epoch = batch.producer_epoch
        if not batch.is_control:
            self._check_epoch(epoch)
            if self.is_open and not batch.is_transactional:
                raise _refused(ErrorCode.INVALID_TXN_STATE, "it has a transaction open here")
            return self._replace(epoch=epoch, is_open=batch.is_transactional)
        try:
            marker = marker_of(batch.records[0])
        except (CorruptBatch, ProtocolError):
            return self
        is_strict = transaction_version >= EPOCH_BUMPS_LEVEL and epoch != EPOCH_MAX
        if is_strict and self.is_open and epoch == self.epoch:
            raise _refused(ErrorCode.INVALID_PRODUCER_EPOCH, "its end has a later epoch")
        self._check_epoch(epoch)
        if transaction_version < 0:
            raise _refused(ErrorCode.UNKNOWN_SERVER_ERROR, f"version {transaction_version}")
        if marker.coordinator_epoch < self.coordinator_epoch:
            raise _refused(ErrorCode.TRANSACTION_COORDINATOR_FENCED, "a later one has written")
        return KnownProducer(epoch, marker.coordinator_epoch)

    def _check_epoch(self, epoch: int) -> None:
        if epoch < self.epoch:
            raise _refused(ErrorCode.INVALID_PRODUCER_EPOCH, f"epoch {epoch} is over")


def _refused(error: ErrorCode, text: str) -> CoreError:
    return CoreError("refused", text, error)


class MemoryCore:
    """The partitions of one topic as the core keeps them (`_core.Node`): as strict, and in the same
    words. `test_runtime_memory_core.py` holds the two against each other.
    """

    def __init__(self, partitions: int, batch_bytes_max: int = 1048588) -> None:
        self.data = [b""] * partitions
        self.starts = [0] * partitions
        self.ends = [0] * partitions
        self.marks = [0] * partitions
        self.producers: list[dict[int, KnownProducer]] = [{} for _ in range(partitions)]
        """By producer id, in each partition; none is forgotten."""
        self.batch_bytes_max = batch_bytes_max
        self.held = False
        """Whether the high watermark is held back."""
        self.failing = False
        self.refusing: CoreError | None = None
        """What the log says to each append, if it is not the disk."""
        self.closed: set[int] = set()
        """Partitions that could not be opened."""
        self.unreadable: dict[int, int] = {}
        """Partitions whose disk fails from this offset on."""
        self.transaction_version = 0
        """The level that the last append named."""
        self.appended: Callable[[int, bytes], None] = lambda partition, batch: None

    def append(
        self, topic: str, partition: int, records: bytes, *, transaction_version: int = 0
    ) -> Appended:
        self._check(topic, partition)
        if self.refusing is not None:
            raise self.refusing
        if self.failing:
            raise CoreError("storage", f"{topic}-{partition}: the disk is full", 56)
        try:
            batches = read_batches(records)
        except CorruptBatch as corrupt:
            raise CoreError("refused", f"{topic}-{partition}: {corrupt}", 2) from corrupt
        base_offset = self.ends[partition]
        known = dict(self.producers[partition])
        for batch in batches:
            if batch.size_bytes > self.batch_bytes_max and not batch.is_control:
                text = f"{topic}-{partition}: {batch.size_bytes} bytes"
                raise CoreError("refused", text, 10)
            if batch.producer_id >= 0:
                before = known.get(batch.producer_id, KnownProducer())
                known[batch.producer_id] = before.after(batch, transaction_version)
        self.producers[partition] = known
        self.transaction_version = transaction_version
        for batch in batches:
            placed = records[batch.position : batch.position + batch.size_bytes]
            self.appended(partition, placed)
            self.data[partition] += self.ends[partition].to_bytes(8, "big") + placed[8:]
            self.ends[partition] += batch.last_offset - batch.base_offset + 1
        if not self.held:
            self.marks[partition] = self.ends[partition]
        return Appended(base_offset=base_offset, last_offset=self.ends[partition] - 1)

    def read(
        self,
        topic: str,
        partition: int,
        offset: int,
        bytes_max: int,
        *,
        to_log_end: bool = False,
    ) -> bytes:
        self._check(topic, partition)
        if not self.starts[partition] <= offset <= self.ends[partition]:
            raise CoreError("offset-out-of-range", f"{topic}-{partition}: offset {offset}", 1)
        if offset >= self.unreadable.get(partition, offset + 1):
            raise CoreError("storage", f"{topic}-{partition}: Input/output error", 56)
        bound = self.ends[partition] if to_log_end else self.marks[partition]
        found = b""
        # Sums are not looked at, as the core does not when it reads.
        for base_offset, last_offset, batch in whole_batches(self.data[partition]):
            if last_offset < offset:
                continue
            if base_offset >= bound or (found and len(found) + len(batch) > bytes_max):
                break
            found += batch
        return found

    def partition_offsets(
        self, topic: str, partition: int, *, lately: bool = False
    ) -> PartitionOffsets:
        self._check(topic, partition)
        mark = self.marks[partition]
        return PartitionOffsets(
            log_start=self.starts[partition],
            high_watermark=mark,
            last_stable=mark,
            log_end=self.ends[partition],
            leader_epoch=0,
            size_bytes=len(self.data[partition]),
        )

    def _check(self, topic: str, partition: int) -> None:
        if partition in self.closed or not 0 <= partition < len(self.data):
            raise CoreError("unknown-partition", f"{topic}-{partition} is not hosted here", 3)


def whole_batches(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """(base offset, last offset, bytes) of each batch, by the lengths that they tell."""
    at = 0
    while at < len(data):
        size = 12 + int.from_bytes(data[at + 8 : at + 12], "big")
        base_offset = int.from_bytes(data[at : at + 8], "big")
        last_delta = int.from_bytes(data[at + 23 : at + 27], "big")
        yield base_offset, base_offset + last_delta, data[at : at + size]
        at += size


class Asker(NamedTuple):
    """Who asks, and in which version."""

    version: int
    client_id: str
    client_host: str


class Desk:
    """Gives out tokens, and replies to whoever holds one, once."""

    def __init__(self) -> None:
        self._waiting: dict[int, Callable[[Any], None]] = {}
        self._last = 0
        self.gone: set[int] = set()
        """Connections that are there no more."""

    def internal(self, then: Callable[[Any], None]) -> int:
        self._last -= 1
        self._waiting[self._last] = then
        return self._last

    def respond(self, token: int, what: Callable[[], str], make: Callable[[], Any]) -> None:
        response = make()
        if response is not None:
            self.reply(token, response)

    def connected(self, connection: int) -> bool:
        return connection not in self.gone

    def reply(self, token: int, response: Any) -> None:
        then = self._waiting.pop(token, None)
        if then is None:
            raise BrokenInvariant(f"request {token} was answered twice")
        then(response)


class Groups:
    """The coordinator, with a callback for each reply instead of a socket's token."""

    def __init__(self, desk: Desk, coordinator: GroupCoordinator, wake: Callable[[], None]) -> None:
        self._desk = desk
        self._wake = wake
        self._coordinator = coordinator
        self.partition_for = coordinator.partition_for
        self.serves = coordinator.serves

    def __getattr__(self, name: str) -> Callable[[Any, Asker, Callable[[Any], None]], None]:
        call: Callable[[Ask], None] = getattr(self._coordinator, name, self._coordinator.submit)

        def ask(request: Any, asker: Asker, done: Callable[[Any], None]) -> None:
            call(self.ask(request, asker, done))

        return ask

    def ask(self, request: Any, asker: Asker, done: Callable[[Any], None]) -> Ask:
        """The request as a handler hands it over."""
        self._wake()
        token = self._desk.internal(done)
        return Ask(token, request, asker.version, "User:alice", asker.client_id, asker.client_host)

    def offset_fetch(
        self,
        groups: list[Any],
        asker: Asker,
        done: Callable[[Any], None],
        *,
        require_stable: bool,
    ) -> None:
        body = OffsetFetchRequest(groups=groups, require_stable=require_stable)
        ask = self.ask(body, asker, lambda response: done(response.groups))
        self._coordinator.submit(ask)


class World:
    """One broker: its coordinator, its log, its two clocks."""

    def __init__(
        self,
        config: GroupConfig,
        partitions: int = 2,
        shard: Callable[[ConfigOf, Counter, Kinds, int], GroupShard] = GroupShard,
        topics: str = "tuvw",
    ) -> None:
        self._shard = shard
        self.config = config
        self.configs: dict[str, GroupConfig] = {}
        """Of groups that have one of their own."""
        self.now_ms = 0
        self.real_ms = 0
        self.wall_ahead_ms = 0
        """What the wall clock is ahead of the node's own, or behind."""
        self.log = MemoryCore(partitions, config.batch_bytes_max)
        self.partitions = partitions
        self.entropy = Counter()
        self.desk = Desk()
        self.reports: list[str] = []
        self.told: list[str] = []
        self.image = EMPTY_IMAGE
        for topic in topics:
            self.know(topic)
        self.loads = True
        self.expects = False
        """Whether more partitions will be here soon."""
        self._woken = False
        self.asked_version = 0
        self._timers: dict[Hashable, tuple[int, bool, Callable[[], None]]] = {}
        self.boot()

    def boot(self) -> None:
        """Start over with nothing but the log."""
        kinds = every_kind()
        self._timers.clear()
        self.runtime = Runtime(
            CONSUMER_OFFSETS,
            log=CoreLog(self.log, CONSUMER_OFFSETS),  # type: ignore[arg-type]
            timers=self,
            now=self.now,
            image=lambda: self.image,
            desk=self.desk,
            decider=lambda partition: self._shard(self.config_of, self.entropy, kinds, partition),
            refuse=kinds.refuse,
            report=self._report,
            tell=self.told.append,
            batch_bytes_max=lambda: self.config.batch_bytes_max,
            expects=lambda: self.expects,
        )
        self.groups = Groups(
            self.desk,
            GroupCoordinator(
                self.runtime, self.config_of, kinds, lambda: self.partitions, self.desk
            ),
            self.wake,
        )
        for partition in range(self.partitions):
            self.elect(partition)
        self.settle()

    def config_of(self, group_id: str) -> GroupConfig:
        """What holds for a group."""
        return self.configs.get(group_id, self.config)

    def limit(self, batch_bytes_max: int, *, told: bool = True) -> None:
        """The log takes batches of this size from now on; the coordinator hears of it, unless not
        `told`.
        """
        self.log.batch_bytes_max = batch_bytes_max
        if told:
            self.config = self.config._replace(batch_bytes_max=batch_bytes_max)

    def elect(self, partition: int) -> None:
        """This broker leads the partition from now on."""
        self.runtime.elected(partition)
        self.wake()

    def tell(self, nth: int, errors: list[ErrorCode]) -> None:
        """The coordinator of transactions answers the nth of the open questions."""
        outgoing = self.runtime.outgoing[nth]
        del self.runtime.outgoing[nth]
        self.wake()
        outgoing.then(PartitionsAdded(tuple(map(int, errors))))

    def release(self) -> None:
        """The high watermark moves to the end; the core wakes whoever waits for that."""
        self.log.held = False
        self.log.marks[:] = self.log.ends
        self.wake()

    def wake(self) -> None:
        """Something has happened that the node has a turn for."""
        self._woken = True

    def know(self, name: str, topic_id: bytes = ZERO_UUID) -> None:
        """A topic is there, with this id if one is given; nobody is told."""
        by_name = dict(self.image.topics.by_name)
        if name not in by_name or topic_id not in (ZERO_UUID, by_name[name].id):
            some_id = name.encode()[:16].ljust(16, b"-") if topic_id == ZERO_UUID else topic_id
            by_name[name] = Topic(some_id, name, ())
            topics = Topics(by_name, {topic.id: topic for topic in by_name.values()})
            self.image = self.image._replace(topics=topics)

    def delete_topic(self, name: str, *, told: bool = True) -> None:
        """The controller has deleted a topic; the coordinator hears of it, unless not `told`."""
        topic = self.image.topics.by_name[name]
        others = [one for one in self.image.topics.by_name.values() if one.name != name]
        topics = Topics({**{one.name: one for one in others}, name: topic}, {topic.id: topic})
        image = self.image._replace(topics=topics)
        delta = MetadataDelta.of(
            image, [RemoveTopicRecord(topic_id=topic.id)], offset=image.offset + 1
        )
        left = Topics({one.name: one for one in others}, {one.id: one for one in others})
        self.image = delta.image._replace(topics=left)
        if told:
            self.runtime.on_image(delta)
            self.wake()

    def now(self) -> Now:
        return Now(self.now_ms + self.wall_ahead_ms, self.now_ms, self.real_ms)

    def settle(self) -> None:
        """Take turns as a node does: one step and one flush each, and another only if somebody was
        woken or the last one left something. Nothing is loaded while `loads` is off.
        """
        for _ in range(TURNS_MAX):
            if not self._woken:
                return
            more = self.loads and self.runtime.step()
            self._woken = self.runtime.flush() or more or (self.loads and self.runtime.loading)
        raise AssertionError(f"turns make turns: {TURNS_MAX} of them")

    def _report(self, text: str, problem: Exception | None = None) -> None:
        self.reports.append(text if problem is None else f"{text} ({problem!r})")

    def asker(self, version: int, client_id: str = "c") -> Asker:
        self.asked_version = version
        return Asker(version, client_id, "/127.0.0.1")

    # ------------------------------------------------------------ Timers

    def set(self, timer: Timer, fire: Callable[[], None]) -> None:
        if timer.at_ms is None:
            self._timers.pop(timer.key, None)
        else:
            self._timers[timer.key] = (timer.at_ms, timer.real, fire)

    def advance(self, by_ms: int) -> None:
        """Move the node's clock, and fire what comes due, oldest first."""
        target = self.now_ms + by_ms
        while (due := self._due(target, real=False)) is not None:
            at_ms, fire = due
            self.now_ms = max(self.now_ms, at_ms)
            self.wake()
            fire()
            self.settle()
        self.now_ms = target

    def leap(self, by_ms: int, connected: Iterable[int] = ()) -> None:
        """Move it as a test does whose clients know nothing of that."""
        self.runtime.on_leap(by_ms, frozenset(connected))
        self.advance(by_ms)

    def wait(self, by_ms: int) -> None:
        """Let the machine's time pass; the node's clock stands still."""
        target = self.real_ms + by_ms
        while (due := self._due(target, real=True)) is not None:
            at_ms, fire = due
            self.real_ms = max(self.real_ms, at_ms)
            self.wake()
            fire()
            self.settle()
        self.real_ms = target

    def _due(self, target: int, *, real: bool) -> tuple[int, Callable[[], None]] | None:
        due = min(
            (
                (at, str(key), key)
                for key, (at, of, _) in self._timers.items()
                if of is real and at <= target
            ),
            default=None,
            key=lambda one: one[:2],
        )
        if due is None:
            return None
        at_ms, _, fire = self._timers.pop(due[2])
        return at_ms, fire

    def timers(self) -> int:
        """How many timers are set."""
        return len(self._timers)

    def shard(self, group_id: str) -> Any:
        """The loaded shard of a group."""
        return self.runtime.decider(self.groups.partition_for(group_id))
