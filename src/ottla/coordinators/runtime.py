"""Runs the shards of one kind of coordinator: one shard for each partition of its internal topic.

A shard (`Machine`) only decides. This runtime does all around it, alike for every kind of
coordinator: it loads a shard by replaying its partition when this broker becomes the leader,
applies what was decided at once, appends the records of a whole turn as one batch, and lets each
reply go, of reads too, when the high watermark has passed what it was decided on. So decisions
neither wait for each other nor see stale state, and nobody learns what could still be lost.

What stays true: a request is answered exactly once. While a shard loads the answer is
COORDINATOR_LOAD_IN_PROGRESS; after a failed append or a lost leadership the shard is dropped and
everything that waits in it is answered with NOT_COORDINATOR, for nobody knows whether it will
count. Whatever lies in a partition, or keeps it from being read, ends at most that shard: a record
that can't be understood is named and left out, a log that can't be read is tried again.

What it is not: it has no clock of its own, no thread and no files. `Log`, `Timers` and what tells
the time are the node's.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterator
from typing import Any, Final, NamedTuple, Protocol

from ottla.decide import Decision, Now, Timer
from ottla.wire.errors import ErrorCode
from ottla.wire.records import (
    MARKER_COMMIT,
    Batch,
    CorruptBatch,
    Record,
    build_batch,
    control_kind,
    read_batches,
)
from ottla.wire.schema import ProtocolError

LOAD_STEP_BYTES: Final = 1 << 20
LOAD_STEP_RECORDS: Final = 4096
"""How much of a partition one turn reads, and replays: others wait for it."""

RETRY_MS_MIN: Final = 1000
RETRY_MS_MAX: Final = 60_000
"""How long a shard that could not be loaded waits until it is tried again: twice as long each time.
"""

SKIPS_NAMED_MAX: Final = 10
"""So many records that can't be understood are named at a load; the others are counted."""

_RETRY: Final = "retry"

Done = Callable[[Any], None]
"""Takes the response of one request."""
Refuse = Callable[[ErrorCode], Any]
"""Makes the response that carries an error."""


class AppendFailed(Exception):
    """The log did not take the batch. The node's adapter raises it for every reason: disk,
    leadership, size.
    """


class LogUnavailable(Exception):
    """The log can't be read now. The node's adapter raises it; the shard is tried again later."""


class LogMissing(LogUnavailable):
    """The log is not open here; nobody asks again before whoever opens it says `elected`."""


class StoredRecord(NamedTuple):
    """One record of an internal topic as bytes; a value of None is a tombstone."""

    key: bytes
    value: bytes | None


class Ask(NamedTuple):
    """One request to a shard, with what the shard may know of who asked."""

    token: int
    body: Any
    version: int
    client_id: str
    client_host: str


class Log(Protocol):
    """The partitions of one internal topic."""

    def append(self, partition: int, batch: bytes) -> int:
        """Append one batch; the offset of its last record.

        Raises:
            AppendFailed: nothing can be said about whether it is in the log.
        """

    def read(self, partition: int, offset: int, bytes_max: int) -> bytes:
        """Whole batches from the one that holds `offset` on, up to the log end; b"" if there are
        none.

        Raises:
            LogUnavailable: it can't be read.
        """

    def offsets(self, partition: int) -> tuple[int, int, int]:
        """(log start offset, high watermark, log end offset).

        Raises:
            LogUnavailable: it is not there, or not open.
        """


class Timers(Protocol):
    """The node's timers."""

    def set(self, timer: Timer, fire: Callable[[], None]) -> None:
        """Call `fire` at `timer.at_ms`, instead of what was set for its key; None cancels."""


class Report(Protocol):
    """The node's log."""

    def __call__(self, text: str, problem: Exception | None = None) -> None:
        """Write a line, with where it happened if there is a fault of ours."""


class Machine(Protocol):
    """One shard: a decider over one partition."""

    def decide(self, ask: Ask, now: Now) -> Decision:
        """Decide one request. Its records are `StoredRecord`s; they are applied by the caller."""

    def fire(self, key: Hashable, now: Now) -> Decision:
        """A timer of its own has come due."""

    def apply(self, record: StoredRecord, producer_id: int, now: Now) -> None:
        """Take one record in: at once when it was decided, and again at replay.

        `producer_id` is -1 unless the record belongs to a transaction, which an `end_transaction`
        will end.

        Raises:
            ProtocolError: the record can't be understood, and nothing has changed.
        """

    def end_transaction(self, producer_id: int, *, committed: bool) -> None:
        """A marker: what `producer_id` wrote since the last one counts, or never was."""

    def loaded(self, now: Now) -> Decision:
        """The replay is over; set the timers that the state asks for."""

    def report(self) -> list[str]:
        """What an operator should know about what was loaded, one line each."""


class _Held(NamedTuple):
    """Replies that wait for the high watermark to reach `offset` (one past what they depend on)."""

    offset: int
    token: int
    message: Any


class _Shard:
    """One partition's machine and what hangs on it."""

    __slots__ = (
        "armed",
        "asks",
        "dirty",
        "end_offset",
        "held",
        "load",
        "load_end",
        "machine",
        "partition",
        "records",
        "skipped",
    )

    def __init__(self, partition: int, machine: Machine, start: int, end: int) -> None:
        self.partition = partition
        self.machine = machine
        self.load: Iterator[int] | None = None
        """The replay, while it lasts."""
        self.load_end = end
        """Where the log ended when the shard was elected: it has loaded when it has read so far."""
        self.end_offset = start
        """One past the last record that was appended or read."""
        self.skipped = 0
        self.records: list[Record] = []
        """Decided and applied in this turn, not appended yet."""
        self.dirty = False
        self.held: deque[_Held] = deque()
        self.asks: dict[int, tuple[Done, Refuse]] = {}
        """Every request that has not been answered, by token."""
        self.armed: set[Hashable] = set()

    @property
    def loading(self) -> bool:
        return self.load is not None


class Runtime:
    """All shards of one internal topic that this broker leads."""

    __slots__ = (
        "_batch_bytes_max",
        "_codec",
        "_dirty",
        "_loads",
        "_log",
        "_machine",
        "_named",
        "_now",
        "_report",
        "_retries",
        "_shards",
        "_timers",
        "_tokens",
        "_waiting",
        "topic",
    )

    def __init__(
        self,
        topic: str,
        *,
        log: Log,
        timers: Timers,
        now: Callable[[], Now],
        machine: Callable[[int], Machine],
        report: Report,
        codec: str = "none",
        batch_bytes_max: int = 1048588,
    ) -> None:
        self.topic = topic
        self._log = log
        self._timers = timers
        self._now = now
        self._machine = machine
        self._report = report
        self._codec = codec
        self._batch_bytes_max = batch_bytes_max
        self._shards: dict[int, _Shard] = {}
        self._dirty: list[_Shard] = []
        self._waiting: dict[_Shard, None] = {}
        """Shards whose replies wait for the high watermark."""
        self._loads: deque[_Shard] = deque()
        self._retries: dict[int, int] = {}
        """How often in a row a partition could not be loaded."""
        self._named: dict[int, int] = {}
        """The last offset of a partition up to which records were named that can't be read."""
        self._tokens = 0

    # ------------------------------------------------------------ leadership

    def elected(self, partition: int) -> None:
        """This broker leads the partition now, or it can be read again: begin to load it (anew);
        `step` does the work.
        """
        self._drop(partition)
        try:
            start, _, end = self._log.offsets(partition)
        except LogMissing as missing:
            self._retries.pop(partition, None)
            self._report(
                f"{self.topic}-{partition} is not open, and nothing that it keeps is served "
                f"until it is: {missing}"
            )
        except LogUnavailable as problem:
            self._retry(partition, str(problem))
        else:
            shard = self._shards[partition] = _Shard(
                partition, self._machine(partition), start, end
            )
            shard.load = self._load(shard)
            self._loads.append(shard)

    def resigned(self, partition: int) -> None:
        """This broker leads the partition no more: forget it and say so to everybody who waits."""
        self._retries.pop(partition, None)
        self._named.pop(partition, None)
        self._drop(partition)

    def resign_all(self) -> None:
        """The topic is gone."""
        for partition in {*self._shards, *self._retries, *self._named}:
            self.resigned(partition)

    def step(self) -> bool:
        """Load about LOAD_STEP_RECORDS, of one shard or several; whether more is left to load."""
        records_left = LOAD_STEP_RECORDS
        while self._loads and records_left > 0:
            shard = self._loads[0]
            if shard.load is None or self._shards.get(shard.partition) is not shard:
                self._loads.popleft()
                continue
            try:
                replayed = next(shard.load, None)
                if replayed is None:
                    self._loads.popleft()
                    self._loaded(shard)
                else:
                    records_left -= replayed
            except (LogUnavailable, CorruptBatch) as problem:
                self._retry(shard.partition, str(problem))
            except Exception as problem:
                self._retry(shard.partition, "a fault of this program", problem)
        return bool(self._loads)

    @property
    def loading(self) -> bool:
        """Whether `step` has something left to do."""
        return bool(self._loads)

    def partitions(self) -> list[int]:
        """The partitions that are led here, loaded or not."""
        return list(self._shards)

    def leads(self, partition: int) -> bool:
        """Whether requests for this partition belong here, and are or will be answered soon."""
        return partition in self._shards

    def machine(self, partition: int) -> Machine | None:
        """The loaded shard of a partition, for gauges and tests; else None."""
        shard = self._shards.get(partition)
        return None if shard is None or shard.loading else shard.machine

    # ------------------------------------------------------------ requests

    def submit(
        self,
        partition: int,
        body: Any,
        done: Done,
        *,
        refuse: Refuse,
        version: int = 0,
        client_id: str = "",
        client_host: str = "",
    ) -> None:
        """Decide one request; `done` gets the response when it is safe, or what `refuse` makes of
        an error.
        """
        shard = self._shards.get(partition)
        if shard is None:
            done(refuse(ErrorCode.NOT_COORDINATOR))
        elif shard.loading:
            done(refuse(ErrorCode.COORDINATOR_LOAD_IN_PROGRESS))
        else:
            self._tokens += 1
            ask = Ask(self._tokens, body, version, client_id, client_host)
            shard.asks[ask.token] = (done, refuse)
            now = self._now()
            try:
                self._carry(shard, shard.machine.decide(ask, now), now)
            except Exception as problem:
                # Nothing was written; what is in memory may be half changed, so the log counts.
                del shard.asks[ask.token]
                self._report(f"{self.topic}-{partition} failed and is loaded again", problem)
                self.elected(partition)
                done(refuse(ErrorCode.UNKNOWN_SERVER_ERROR))

    def flush(self) -> bool:
        """End of a turn: append what was decided, one batch a shard, and let go what is safe.

        Whether that made something to decide: it is left to the next turn, so that this one ends.
        """
        dirty, self._dirty = self._dirty, []
        for shard in dirty:
            shard.dirty = False
            if self._shards.get(shard.partition) is not shard:
                continue
            try:
                self._append(shard)
            except AppendFailed as failed:
                self._report(
                    f"{self.topic}-{shard.partition} did not take a batch and is "
                    f"loaded again: {failed}"
                )
                self.elected(shard.partition)
        for shard in list(self._waiting):
            try:
                high_watermark = self._log.offsets(shard.partition)[1]
            except LogUnavailable as problem:
                self._retry(shard.partition, str(problem))
            else:
                self.high_watermark_moved(shard.partition, high_watermark)
        return bool(self._dirty)

    def high_watermark_moved(self, partition: int, high_watermark: int) -> None:
        """Let the replies go that depended on nothing beyond this offset."""
        shard = self._shards.get(partition)
        if shard is None:
            return
        held = shard.held
        while held and held[0].offset <= high_watermark:
            reply = held.popleft()
            self._answer(shard, reply.token, reply.message)
        if not held:
            self._waiting.pop(shard, None)

    def marker(self, partition: int, producer_id: int, *, committed: bool, end_offset: int) -> None:
        """A transaction marker was appended to the partition by a transaction coordinator."""
        shard = self._shards.get(partition)
        if shard is None:
            return
        if shard.loading:
            shard.load_end = max(shard.load_end, end_offset)
            return
        shard.end_offset = max(shard.end_offset, end_offset)
        shard.machine.end_transaction(producer_id, committed=committed)

    # ------------------------------------------------------------ the inside

    def _carry(self, shard: _Shard, decision: Decision, now: Now) -> None:
        """Apply a decision at once and keep the rest of it for when it is safe."""
        for record in decision.records:
            shard.machine.apply(record, -1, now)
            shard.records.append(
                Record(key=record.key, value=record.value, timestamp_ms=now.wall_ms)
            )
        depends_on = shard.end_offset + len(shard.records)
        for reply in decision.replies:
            shard.held.append(_Held(depends_on, reply.token, reply.message))
            self._waiting[shard] = None
        for timer in decision.timers:
            self._arm(shard, timer)
        if (decision.records or decision.replies) and not shard.dirty:
            shard.dirty = True
            self._dirty.append(shard)

    def _append(self, shard: _Shard) -> None:
        records, shard.records = shard.records, []
        for group in self._by_size(records):
            batch = build_batch(group, codec=self._codec)
            if len(batch) > self._batch_bytes_max:
                raise AppendFailed(
                    f"a record of {len(batch)} bytes is larger than a batch may be "
                    f"({self._batch_bytes_max})"
                )
            last_offset = self._log.append(shard.partition, batch)
            if last_offset < shard.end_offset + len(group) - 1:
                raise AppendFailed(f"the log went back to offset {last_offset}")
            shard.end_offset = last_offset + 1

    def _by_size(self, records: list[Record]) -> list[list[Record]]:
        """Cut the records of a turn where a batch would grow too large (the bound is generous a
        record).
        """
        groups: list[list[Record]] = []
        size = self._batch_bytes_max
        for record in records:
            record_size = len(record.key or b"") + len(record.value or b"") + 64
            if size + record_size > self._batch_bytes_max - 64:
                groups.append([])
                size = 0
            groups[-1].append(record)
            size += record_size
        return groups

    def _load(self, shard: _Shard) -> Iterator[int]:
        """Replay the partition up to where it ended, in pieces; the size of each, in records."""
        while (offset := shard.end_offset) < shard.load_end:
            data = self._log.read(shard.partition, offset, LOAD_STEP_BYTES)
            yield 1 + len(data) // (LOAD_STEP_BYTES // LOAD_STEP_RECORDS)
            for batch in read_batches(data):
                yield from self._replay(shard, batch)
            if not data and self._log.offsets(shard.partition)[1] >= shard.load_end:
                # Apache Kafka's log cleaner may take the last records of a log that it compacts.
                shard.end_offset = shard.load_end
            if shard.end_offset <= offset:
                raise LogUnavailable(
                    f"nothing can be read at offset {offset}, and the log ends at {shard.load_end}"
                )

    def _replay(self, shard: _Shard, batch: Batch) -> Iterator[int]:
        producer_id = batch.producer_id if batch.is_transactional else -1
        now = self._now()
        for count, record in enumerate(batch.records, 1):
            if not count % LOAD_STEP_RECORDS:
                yield LOAD_STEP_RECORDS
            if record.offset < shard.end_offset:
                continue
            try:
                if batch.is_control:
                    committed = control_kind(record) == MARKER_COMMIT
                    shard.machine.end_transaction(batch.producer_id, committed=committed)
                elif record.key is None:
                    raise ProtocolError("it has no key")
                else:
                    shard.machine.apply(StoredRecord(record.key, record.value), producer_id, now)
            except (ProtocolError, CorruptBatch) as problem:
                self._skip(shard, record.offset, problem)
        shard.end_offset = max(shard.end_offset, batch.last_offset + 1)

    def _skip(self, shard: _Shard, offset: int, problem: Exception) -> None:
        """Leave out a record that somebody else wrote; it stays in the log, and is named once."""
        if offset <= self._named.get(shard.partition, -1):
            return
        self._named[shard.partition] = offset
        shard.skipped += 1
        if shard.skipped <= SKIPS_NAMED_MAX:
            self._report(
                f"{self.topic}-{shard.partition}: the record at offset {offset} can't be "
                f"understood and is left out: {problem}"
            )

    def _loaded(self, shard: _Shard) -> None:
        shard.load = None
        self._retries.pop(shard.partition, None)
        if shard.skipped > SKIPS_NAMED_MAX:
            self._report(
                f"{self.topic}-{shard.partition}: {shard.skipped - SKIPS_NAMED_MAX} more records "
                "can't be understood and are left out"
            )
        for line in shard.machine.report():
            self._report(f"{self.topic}-{shard.partition}: {line}")
        now = self._now()
        self._carry(shard, shard.machine.loaded(now), now)

    def _retry(self, partition: int, why: str, problem: Exception | None = None) -> None:
        """Drop a shard that can't be used, and load it again after a while."""
        self._drop(partition)
        failures = self._retries.get(partition, 0)
        self._retries[partition] = failures + 1
        if not failures:
            self._report(
                f"{self.topic}-{partition} can't be used, and nothing that it keeps is served; "
                f"it is tried again until it can: {why}",
                problem,
            )
        delay_ms = min(RETRY_MS_MIN << min(failures, 16), RETRY_MS_MAX)
        at_ms = self._now().steady_ms + delay_ms

        def again() -> None:
            if partition in self._retries and partition not in self._shards:
                self.elected(partition)

        self._timers.set(Timer((self.topic, partition, _RETRY), at_ms), again)

    def _arm(self, shard: _Shard, timer: Timer) -> None:
        def fire() -> None:
            shard.armed.discard(timer.key)
            if self._shards.get(shard.partition) is not shard or shard.loading:
                return
            now = self._now()
            try:
                self._carry(shard, shard.machine.fire(timer.key, now), now)
            except Exception as problem:
                # As in `submit`: nothing was written, so the log counts.
                self._retry(shard.partition, "a fault of this program", problem)

        if timer.at_ms is None:
            shard.armed.discard(timer.key)
        else:
            shard.armed.add(timer.key)
        key = (self.topic, shard.partition, timer.key)
        self._timers.set(Timer(key, timer.at_ms, timer.real), fire)

    def _answer(self, shard: _Shard, token: int, message: Any) -> None:
        waiting = shard.asks.pop(token, None)
        if waiting is None:
            raise RuntimeError(f"{self.topic}-{shard.partition} answered request {token} twice")
        waiting[0](message)

    def _drop(self, partition: int) -> None:
        """Forget what is in memory; whoever waits for it is told to look elsewhere, or again."""
        self._timers.set(Timer((self.topic, partition, _RETRY), None), _never)
        shard = self._shards.pop(partition, None)
        if shard is None:
            return
        self._waiting.pop(shard, None)
        for key in shard.armed:
            self._timers.set(Timer((self.topic, partition, key), None), _never)
        waiting, shard.asks = shard.asks, {}
        for done, refuse in waiting.values():
            done(refuse(ErrorCode.NOT_COORDINATOR))


def _never() -> None:
    """What a cancelled timer does."""
