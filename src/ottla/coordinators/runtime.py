"""Runs the shards of one kind of coordinator: one shard for each partition of its internal topic.

A shard (`Machine`) only decides. This runtime does all around it, alike for every kind of
coordinator: it loads a shard by replaying its partition when this broker becomes the leader,
applies what was decided at once, appends the records of a whole turn as one batch, and lets each
reply go, of reads too, when the high watermark has passed what it was decided on. So decisions
neither wait for each other nor see stale state, and nobody learns what could still be lost.

What stays true: a request is answered exactly once. While a shard loads the answer is
COORDINATOR_LOAD_IN_PROGRESS; after a failed append or a lost leadership the shard is dropped and
everything that waits in it is answered with NOT_COORDINATOR, for nobody knows whether it will
count.

What it is not: it has no clock, no thread and no files. Time is handed in; `Log` and `Timers` are
the node's.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable
from typing import Any, Final, NamedTuple, Protocol

from ottla.decide import Decision, Timer
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

LOAD_STEP_BYTES: Final = 1 << 20


Done = Callable[[Any], None]
"""Takes the response of one request."""
Refuse = Callable[[ErrorCode], Any]
"""Makes the response that carries an error."""


class AppendFailed(Exception):
    """The log did not take the batch. The node's adapter raises it for every reason: disk,
    leadership, size.
    """


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
        """Whole batches from the one that holds `offset` on; b"" at the end."""

    def offsets(self, partition: int) -> tuple[int, int, int]:
        """(log start offset, high watermark, log end offset)."""


class Timers(Protocol):
    """The node's timers."""

    def set(self, timer: Timer, now_ms: int, fire: Callable[[int], None]) -> None:
        """Call `fire(now_ms)` at `timer.at_ms`, instead of what was set for its key; None cancels.

        For a real timer only `at_ms - now_ms`, the delay, counts; it runs on the machine's time.
        """


class Machine(Protocol):
    """One shard: a decider over one partition."""

    def decide(self, ask: Ask, now_ms: int) -> Decision:
        """Decide one request. Its records are `StoredRecord`s; they are applied by the caller."""

    def fire(self, key: Hashable, now_ms: int) -> Decision:
        """A timer of its own has come due."""

    def apply(self, record: StoredRecord, producer_id: int, now_ms: int) -> None:
        """Take one record in: at once when it was decided, and again at replay.

        `producer_id` is -1 unless the record belongs to a transaction, which an `end_transaction`
        will end.
        """

    def end_transaction(self, producer_id: int, *, committed: bool) -> None:
        """A marker: what `producer_id` wrote since the last one counts, or never was."""

    def loaded(self, now_ms: int) -> Decision:
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
        "load_offset",
        "loading",
        "machine",
        "partition",
        "records",
    )

    def __init__(self, partition: int, machine: Machine) -> None:
        self.partition = partition
        self.machine = machine
        self.loading = True
        self.load_offset = 0
        self.end_offset = 0
        """One past the last record that was appended or read."""
        self.records: list[Record] = []
        """Decided and applied in this turn, not appended yet."""
        self.dirty = False
        self.held: deque[_Held] = deque()
        self.asks: dict[int, tuple[Done, Refuse]] = {}
        """Every request that has not been answered, by token."""
        self.armed: set[Hashable] = set()


class Runtime:
    """All shards of one internal topic that this broker leads."""

    __slots__ = (
        "_batch_bytes_max",
        "_codec",
        "_dirty",
        "_loads",
        "_log",
        "_machine",
        "_report",
        "_shards",
        "_timers",
        "_tokens",
        "topic",
    )

    def __init__(
        self,
        topic: str,
        *,
        log: Log,
        timers: Timers,
        machine: Callable[[int], Machine],
        report: Callable[[str], None],
        codec: str = "none",
        batch_bytes_max: int = 1048588,
    ) -> None:
        self.topic = topic
        self._log = log
        self._timers = timers
        self._machine = machine
        self._report = report
        self._codec = codec
        self._batch_bytes_max = batch_bytes_max
        self._shards: dict[int, _Shard] = {}
        self._dirty: list[_Shard] = []
        self._loads: deque[_Shard] = deque()
        self._tokens = 0

    # ------------------------------------------------------------ leadership

    def elected(self, partition: int) -> None:
        """This broker leads the partition now: begin to load it (again); `step` does the work."""
        self.resigned(partition)
        shard = self._shards[partition] = _Shard(partition, self._machine(partition))
        shard.load_offset = shard.end_offset = self._log.offsets(partition)[0]
        self._loads.append(shard)

    def resigned(self, partition: int) -> None:
        """This broker leads the partition no more: forget it and say so to everybody who waits."""
        shard = self._shards.pop(partition, None)
        if shard is not None:
            self._forget(shard)

    def step(self, now_ms: int) -> bool:
        """Load about LOAD_STEP_BYTES, of one shard or several; whether more is left to load."""
        bytes_left = LOAD_STEP_BYTES
        while self._loads and bytes_left > 0:
            shard = self._loads[0]
            if self._shards.get(shard.partition) is not shard:
                self._loads.popleft()
                continue
            try:
                size = self._load_piece(shard, now_ms)
            except CorruptBatch as corrupt:
                self._report(f"{self.topic}-{shard.partition} cannot be loaded: {corrupt}")
                self.resigned(shard.partition)
                continue
            bytes_left -= size
            if not size:
                self._loads.popleft()
                shard.loading = False
                for line in shard.machine.report():
                    self._report(f"{self.topic}-{shard.partition}: {line}")
                self._carry(shard, shard.machine.loaded(now_ms), now_ms)
        return bool(self._loads)

    @property
    def loading(self) -> bool:
        """Whether `step` has something left to do."""
        return bool(self._loads)

    def partitions(self) -> list[int]:
        """The partitions that are led here, loaded or not."""
        return list(self._shards)

    def leads(self, partition: int) -> bool:
        """Whether requests for this partition belong here."""
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
        now_ms: int,
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
            try:
                decision = shard.machine.decide(ask, now_ms)
            except Exception:
                # Nothing was written; what is in memory may be half changed, so the log counts.
                del shard.asks[ask.token]
                self.elected(partition)
                raise
            self._carry(shard, decision, now_ms)

    def flush(self, now_ms: int) -> None:
        """End of a turn: append what was decided, one batch a shard, and let go what is safe."""
        while self._dirty:
            dirty, self._dirty = self._dirty, []
            for shard in dirty:
                shard.dirty = False
                if self._shards.get(shard.partition) is not shard:
                    continue
                try:
                    self._append(shard, now_ms)
                except AppendFailed as failed:
                    self._report(
                        f"{self.topic}-{shard.partition} did not take a batch and is "
                        f"loaded again: {failed}"
                    )
                    self.elected(shard.partition)
                else:
                    self.high_watermark_moved(
                        shard.partition, self._log.offsets(shard.partition)[1]
                    )

    def high_watermark_moved(self, partition: int, high_watermark: int) -> None:
        """Let the replies go that depended on nothing beyond this offset."""
        shard = self._shards.get(partition)
        if shard is None:
            return
        held = shard.held
        while held and held[0].offset <= high_watermark:
            reply = held.popleft()
            self._answer(shard, reply.token, reply.message)

    def marker(self, partition: int, producer_id: int, *, committed: bool, end_offset: int) -> None:
        """A transaction marker was appended to the partition by a transaction coordinator."""
        shard = self._shards.get(partition)
        if shard is not None and not shard.loading:
            shard.end_offset = max(shard.end_offset, end_offset)
            shard.machine.end_transaction(producer_id, committed=committed)

    # ------------------------------------------------------------ the inside

    def _carry(self, shard: _Shard, decision: Decision, now_ms: int) -> None:
        """Apply a decision at once and keep the rest of it for when it is safe."""
        for record in decision.records:
            shard.machine.apply(record, -1, now_ms)
            shard.records.append(Record(key=record.key, value=record.value, timestamp_ms=now_ms))
        depends_on = shard.end_offset + len(shard.records)
        for reply in decision.replies:
            shard.held.append(_Held(depends_on, reply.token, reply.message))
        for timer in decision.timers:
            self._arm(shard, timer, now_ms)
        if (decision.records or decision.replies) and not shard.dirty:
            shard.dirty = True
            self._dirty.append(shard)

    def _append(self, shard: _Shard, now_ms: int) -> None:
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

    def _load_piece(self, shard: _Shard, now_ms: int) -> int:
        """Replay up to LOAD_STEP_BYTES; how many, and 0 when the shard has caught up."""
        end_offset = self._log.offsets(shard.partition)[2]
        if shard.load_offset >= end_offset:
            return 0
        data = self._log.read(shard.partition, shard.load_offset, LOAD_STEP_BYTES)
        if not data:
            shard.end_offset = end_offset
        for batch in read_batches(data):
            self._replay(shard, batch, now_ms)
            shard.load_offset = shard.end_offset = batch.last_offset + 1
        return len(data)

    def _replay(self, shard: _Shard, batch: Batch, now_ms: int) -> None:
        producer_id = batch.producer_id if batch.is_transactional else -1
        for record in batch.records:
            if record.offset < shard.load_offset or record.key is None:
                continue
            if batch.is_control:
                shard.machine.end_transaction(
                    batch.producer_id, committed=control_kind(record) == MARKER_COMMIT
                )
            else:
                shard.machine.apply(StoredRecord(record.key, record.value), producer_id, now_ms)

    def _arm(self, shard: _Shard, timer: Timer, now_ms: int) -> None:
        def fire(at_ms: int) -> None:
            shard.armed.discard(timer.key)
            if self._shards.get(shard.partition) is shard and not shard.loading:
                self._carry(shard, shard.machine.fire(timer.key, at_ms), at_ms)

        if timer.at_ms is None:
            shard.armed.discard(timer.key)
        else:
            shard.armed.add(timer.key)
        key = (self.topic, shard.partition, timer.key)
        self._timers.set(Timer(key, timer.at_ms, timer.real), now_ms, fire)

    def _answer(self, shard: _Shard, token: int, message: Any) -> None:
        waiting = shard.asks.pop(token, None)
        if waiting is None:
            raise RuntimeError(f"{self.topic}-{shard.partition} answered request {token} twice")
        waiting[0](message)

    def _forget(self, shard: _Shard) -> None:
        for key in list(shard.armed):
            self._timers.set(Timer((self.topic, shard.partition, key), None), 0, _never)
        waiting, shard.asks = shard.asks, {}
        for done, refuse in waiting.values():
            done(refuse(ErrorCode.NOT_COORDINATOR))


def _never(_at_ms: int) -> None:
    """What a cancelled timer does."""
