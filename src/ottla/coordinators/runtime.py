"""Runs the shards of one kind of coordinator: one shard for each partition of its internal topic.

A shard is a decider over one partition, run by a `Driver`. This runtime does what is left around
it, alike for every kind of coordinator: it loads a shard by replaying its partition when this
broker becomes the leader, and appends the records of a whole turn as one batch (and one for each
transaction that they belong to).

What stays true: a request is answered exactly once. While a shard loads the answer is
COORDINATOR_LOAD_IN_PROGRESS; after a failed append or a lost leadership the shard is dropped and
everything that waits in it is answered with NOT_COORDINATOR, for nobody knows whether it will
count. Whatever lies in a partition, or keeps it from being read, ends at most that shard: a record
that can't be understood is named and left out, a log that can't be read is tried again.

It has no clock, no thread and no files: `Log`, `Timers` and what tells the time are the node's.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Hashable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from ottla.coordinators.batches import Written, batch_of, by_batch, marker_of
from ottla.coordinators.early import Early
from ottla.coordinators.log import AppendFailed, Log, LogMissing, LogOffline, LogUnavailable
from ottla.decide import Ask, Decider, Decision, Now, Record, Refuse, Send, Timer
from ottla.driver import Desk, Driver, Timers, answer
from ottla.errors import BrokenInvariant
from ottla.wire.errors import ErrorCode
from ottla.wire.records import Batch, CorruptBatch, read_batches
from ottla.wire.schema import ProtocolError

if TYPE_CHECKING:
    from ottla.metadata.delta import MetadataDelta
    from ottla.metadata.image import MetadataImage

LOAD_STEP_BYTES: Final = 1 << 20
LOAD_STEP_RECORDS: Final = 4096
"""How much of a partition one turn reads, and replays: others wait for it."""

RETRY_MS_MIN: Final = 1000
RETRY_MS_MAX: Final = 60_000
"""How long a shard that can't be read waits until it is tried again: twice as long each time."""
FALLEN_MS_MAX: Final = 5000
"""The same of one whose log can be read, and takes nothing: meanwhile its readers wait too."""

LOAD_BATCH_BYTES_MAX: Final = 16 << 20
"""A batch whose records take more is none of a coordinator's, and is left out."""

LOAD_TIMES_KEPT: Final = 100
"""Of so many loads it is remembered how long they took."""

SKIPS_NAMED_MAX: Final = 10
"""So many records that can't be understood are named at a load; the others are counted."""

_RETRY: Final = "retry"
_EARLY: Final = "early"


class Report(Protocol):
    """The node's log."""

    def __call__(self, text: str, problem: Exception | None = None) -> None:
        """Write a line, with where it happened if there is a fault of ours."""


class Outgoing(NamedTuple):
    """What a shard asks of somebody else."""

    body: Any
    then: Callable[[Any], None]
    """Gets the answer, at any time; a shard that is gone by then hears nothing."""
    failed: Callable[[Exception], None]
    """Hears that it could not be asked for a fault of ours, which costs the shard."""


class _Shard(Driver):
    """One partition's decider and what hangs on it."""

    __slots__ = (
        "_runtime",
        "began_ms",
        "dirty",
        "image_offset",
        "load",
        "load_end",
        "log_end",
        "partition",
        "skipped",
        "written",
    )

    def __init__(self, runtime: Runtime, partition: int, start: int, end: int) -> None:
        super().__init__(
            f"{runtime.topic}-{partition}",
            runtime.new_decider(partition),
            desk=runtime.desk,
            refuse=runtime.refuse,
            timers=runtime.timers,
        )
        self._runtime = runtime
        self.partition = partition
        self.began_ms = runtime._now().real_ms
        self.load: Iterator[int] | None = None
        """The replay, while it lasts."""
        self.load_end = end
        """Where the log ended when the shard was elected: it has loaded when it has read so far."""
        self.log_end = start
        """One past the last record that was appended or read."""
        self.image_offset = -1
        """The offset of the image that it was loaded with; deltas up to there are no news."""
        self.skipped = 0
        self.written: list[Written] = []
        """Decided and applied in this turn, not appended yet."""
        self.dirty = False

    def take(self, records: Sequence[Record], now: Now) -> None:
        self.decider.apply(records, now)
        self.written.extend(Written(record, now.wall_ms) for record in records)

    def end_offset(self) -> int:
        return self.log_end + len(self.written)

    def due(self, key: Hashable) -> None:
        self._runtime.fire(self, key)

    def note(self, line: str) -> None:
        self._runtime.tell(f"{self.name}: {line}")

    def count(self, what: str) -> None:
        self._runtime.counts[what] += 1

    def send(self, what: Send) -> None:
        def answered(response: Any) -> None:
            self._runtime.take_in(self, lambda now: self.decider.answered(what.key, response, now))

        failed = partial(self._runtime.send_failed, self)
        self._runtime.outgoing.append(Outgoing(what.body, answered, failed))

    @property
    def loading(self) -> bool:
        return self.load is not None


class Runtime:
    """All shards of one internal topic that this broker leads."""

    __slots__ = (
        "_batch_bytes_max",
        "_codec",
        "_dirty",
        "_early",
        "_fallen",
        "_image",
        "_loads",
        "_log",
        "_named",
        "_now",
        "_retries",
        "_shards",
        "_waiting",
        "counts",
        "desk",
        "load_times_ms",
        "new_decider",
        "outgoing",
        "refuse",
        "report",
        "tell",
        "timers",
        "topic",
    )

    def __init__(
        self,
        topic: str,
        *,
        log: Log,
        timers: Timers,
        now: Callable[[], Now],
        image: Callable[[], MetadataImage],
        desk: Desk,
        decider: Callable[[int], Decider],
        refuse: Refuse,
        report: Report,
        expects: Callable[[], bool] = lambda: False,
        codec: str = "none",
        batch_bytes_max: Callable[[], int] = lambda: 1048588,
        tell: Callable[[str], None] | None = None,
    ) -> None:
        self.topic = topic
        self.desk = desk
        self.new_decider = decider
        self.refuse = refuse
        self.report = report
        self.tell = tell or report
        """What deciders note once they are loaded: all is as it should be."""
        self.timers = timers
        self._log = log
        self._now = now
        self._image = image
        self._codec = codec
        self._batch_bytes_max = batch_bytes_max
        """Asked as a turn's records are appended: an administrator may change it at any time."""
        self.counts: Counter[str] = Counter()
        """What its deciders counted, in all their lives."""
        self.load_times_ms: deque[int] = deque(maxlen=LOAD_TIMES_KEPT)
        """How long the last loads took."""
        self._shards: dict[int, _Shard] = {}
        self._dirty: list[_Shard] = []
        self._waiting: dict[_Shard, None] = {}
        """Shards whose replies wait for the high watermark."""
        self._loads: deque[_Shard] = deque()
        self._early = Early(expects)
        self._retries: dict[int, int] = {}
        """How often in a row a partition could not be used."""
        self._fallen: set[int] = set()
        """Partitions that were loaded again, and have taken no batch since."""
        self.outgoing: deque[Outgoing] = deque()
        """For whoever knows whom to ask."""
        self._named: dict[int, int] = {}
        """The last offset of a partition up to which records were named that can't be read."""

    # ------------------------------------------------------------ leadership

    def elected(self, partition: int) -> None:
        """This broker leads the partition now, or it can be read again: begin to load it (anew);
        `step` does the work.
        """
        self._drop(partition)
        try:
            start, end = self._log.ends(partition)
        except LogMissing as missing:
            self._retries.pop(partition, None)
            self.report(
                f"{self.topic}-{partition} is not open, and nothing that it keeps is served "
                f"until it is: {missing}"
            )
        except LogUnavailable as problem:
            self._unreadable(partition, problem)
        else:
            shard = self._shards[partition] = _Shard(self, partition, start, end)
            shard.load = self._load(shard)
            self._loads.append(shard)
            if start == end:
                self._read_on(shard)  # at once: nobody is to be told to come again

    def resigned(self, partition: int) -> None:
        """This broker leads the partition no more: forget it and say so to everybody who waits."""
        self._retries.pop(partition, None)
        self._fallen.discard(partition)
        self._named.pop(partition, None)
        self._drop(partition)

    def resign_all(self) -> None:
        """The topic is gone."""
        for partition in {*self._shards, *self._retries, *self._fallen, *self._named}:
            self.resigned(partition)

    def step(self) -> bool:
        """Load about LOAD_STEP_RECORDS, of one shard or several; whether more is left to load."""
        records_left = LOAD_STEP_RECORDS
        while self._loads and records_left > 0:
            shard = self._loads[0]
            if shard.load is None or self._shards.get(shard.partition) is not shard:
                self._loads.popleft()
                continue
            records_left -= self._read_on(shard)
        if self._early.waits:
            self._go_on()
        return bool(self._loads)

    def _read_on(self, shard: _Shard) -> int:
        """Replay a piece, or find that it has loaded; how many records that was."""
        assert shard.load is not None
        try:
            replayed = next(shard.load, None)
            if replayed is not None:
                return replayed
            self._loaded(shard)
        except (LogUnavailable, CorruptBatch) as problem:
            self._unreadable(shard.partition, problem)
        except BrokenInvariant:
            raise
        except Exception as problem:
            self._retry(shard.partition, "a fault of this program", problem)
        return 0

    @property
    def loading(self) -> bool:
        """Whether `step` has something left to do."""
        return bool(self._loads)

    @property
    def has_work(self) -> bool:
        """Whether something was decided that the next `flush` sees to."""
        return bool(self._dirty)

    def partitions(self) -> list[int]:
        """The partitions that are led here, loaded or not."""
        return list(self._shards)

    def leads(self, partition: int) -> bool:
        """Whether requests for this partition belong here, and are or will be answered soon."""
        return partition in self._shards

    def decider(self, partition: int) -> Decider | None:
        """The loaded shard of a partition, for gauges and tests; else None."""
        shard = self._shards.get(partition)
        return None if shard is None or shard.loading else shard.decider

    # ------------------------------------------------------------ requests

    def submit(self, partition: int, ask: Ask) -> None:
        """Decide one request; its reply goes out by its token when it is safe."""
        shard = self._shards.get(partition)
        if (shard is None or shard.loading) and self._early.take(
            partition, ask, self._now().real_ms
        ):
            self._wake_for_early()
        else:
            self._decide(shard, ask)

    def _wake_for_early(self) -> None:
        """Have a turn begin, and with it `step`, when the first has waited for long enough."""
        key = (self.topic, _EARLY)
        self.timers.set(Timer(key, self._early.first_ms(), real=True), _never)

    def _go_on(self) -> None:
        """Decide what has waited for its shard, or for long enough; or in vain."""
        loading = {one.partition: one.loading for one in self._shards.values()}
        ready = self._early.ready(loading, self._now().real_ms)
        if ready:
            self._wake_for_early()
        for partition, ask in ready:
            self._decide(self._shards.get(partition), ask)

    def _decide(self, shard: _Shard | None, ask: Ask) -> None:
        if shard is None:
            answer(self.desk, ask, self.refuse(ask, ErrorCode.NOT_COORDINATOR))
            return
        if shard.load is not None:
            answer(self.desk, ask, self.refuse(ask, ErrorCode.COORDINATOR_LOAD_IN_PROGRESS))
            return
        try:
            shard.ask(ask, self._now())
            self._see(shard)
        except BrokenInvariant:
            raise
        except Exception as problem:
            self._failed(shard, problem)
            answer(self.desk, ask, self.refuse(ask, ErrorCode.UNKNOWN_SERVER_ERROR))

    def on_image(self, delta: MetadataDelta) -> None:
        """The cluster has changed. A shard that still loads will be told of all at once."""
        self._each(
            [one for one in self._shards.values() if delta.image.offset > one.image_offset],
            lambda decider, now: decider.on_image(delta, now),
        )

    def on_leap(self, by_ms: int, connected: frozenset[int]) -> None:
        """The clocks are about to be moved by so much, and nobody outside knows, whose connections
        these are. What a shard waits for that still loads begins when it has loaded.
        """
        self._each(
            list(self._shards.values()),
            lambda decider, now: decider.on_leap(by_ms, connected, now),
        )

    def _each(self, shards: list[_Shard], how: Callable[[Decider, Now], Decision]) -> None:
        for shard in shards:
            self.take_in(shard, partial(how, shard.decider))

    def take_in(self, shard: _Shard, decide: Callable[[Now], Decision]) -> None:
        """Something that a loaded shard has to hear of, and what it decides then."""
        if self._shards.get(shard.partition) is not shard or shard.loading:
            return
        now = self._now()
        try:
            shard.carry(decide(now), now)
            self._see(shard)
        except BrokenInvariant:
            raise
        except Exception as problem:
            self._failed(shard, problem)

    def send_failed(self, shard: _Shard, problem: Exception) -> None:
        """What a shard asks could not be asked, and nobody will answer it."""
        if self._shards.get(shard.partition) is shard:
            self._failed(shard, problem)

    def fire(self, shard: _Shard, key: Hashable) -> None:
        """A timer of the shard has come due."""
        if self._shards.get(shard.partition) is not shard or shard.loading:
            return
        try:
            shard.fire(key, self._now())
            self._see(shard)
        except BrokenInvariant:
            raise
        except Exception as problem:
            # As in `_failed`, but a timer that fails would do so again at once.
            self._retry(shard.partition, "a fault of this program", problem)

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
                self.counts["flushes"] += 1
            except AppendFailed as failed:
                shard.resign(failed.told)
                self._fall(shard.partition, f"did not take a batch and is loaded again: {failed}")
        for shard in list(self._waiting):
            try:
                high_watermark = self._log.high_watermark(shard.partition)
            except LogUnavailable as problem:
                self._unreadable(shard.partition, problem)
            else:
                self._release(shard, high_watermark)
        return bool(self._dirty)

    def _release(self, shard: _Shard, high_watermark: int) -> None:
        """Let the replies go that depended on nothing beyond this offset."""
        shard.release(high_watermark)
        first = shard.first_held
        if first is None:
            self._waiting.pop(shard, None)
        elif first <= high_watermark and not shard.dirty:
            # An answer made another one, which the next turn lets go.
            self._see(shard)

    # ------------------------------------------------------------ the inside

    def _see(self, shard: _Shard) -> None:
        """Look at the shard again at the end of the turn, if it has anything to write or to say."""
        waits = shard.holds
        if waits:
            self._waiting[shard] = None
        if (waits or shard.written) and not shard.dirty:
            shard.dirty = True
            self._dirty.append(shard)

    def _failed(self, shard: _Shard, problem: Exception) -> None:
        """A rule failed. Nothing was written, but what is in memory may be half changed: so the log
        counts.
        """
        self._fall(shard.partition, "failed and is loaded again", problem)

    def _append(self, shard: _Shard) -> None:
        written, shard.written = shard.written, []
        most = self._batch_bytes_max()
        for group in by_batch(written, most):
            batch = batch_of(group, self._codec)
            if len(batch) > most:
                text = f"a record takes {len(batch)} bytes, where {most} are the most"
                raise AppendFailed(text, ErrorCode.MESSAGE_TOO_LARGE)
            marker = group[0].record.marker
            version = 0 if marker is None else marker.transaction_version
            last_offset = self._log.append(shard.partition, batch, version)
            if last_offset < shard.log_end + len(group) - 1:
                raise AppendFailed(f"the log went back to offset {last_offset}")
            shard.log_end = last_offset + 1
            if shard.partition in self._fallen:
                self._fallen.discard(shard.partition)
                self._retries.pop(shard.partition, None)

    def _load(self, shard: _Shard) -> Iterator[int]:
        """Replay the partition up to where it ended, in pieces; the size of each, in records."""
        while (offset := shard.log_end) < shard.load_end:
            data = self._log.read(shard.partition, offset, LOAD_STEP_BYTES)
            yield 1 + len(data) // (LOAD_STEP_BYTES // LOAD_STEP_RECORDS)
            for batch in read_batches(data, records=False):
                yield from self._replay(shard, data, batch)
            if not data and self._log.high_watermark(shard.partition) >= shard.load_end:
                # Apache Kafka's log cleaner may take the last records of a log that it compacts.
                shard.log_end = shard.load_end
            if shard.log_end <= offset:
                raise LogUnavailable(
                    f"nothing can be read at offset {offset}, and the log ends at {shard.load_end}"
                )

    def _replay(self, shard: _Shard, data: bytes, batch: Batch) -> Iterator[int]:
        piece = data[batch.position : batch.position + batch.size_bytes]
        try:
            (batch,) = read_batches(piece, unpacked_bytes_max=LOAD_BATCH_BYTES_MAX)
        except CorruptBatch as problem:
            # Its checksum holds: so it is what somebody wrote.
            self._skip(shard, batch.last_offset, problem, "batch that ends")
        producer = (-1, -1)
        if batch.is_transactional or batch.is_control:
            producer = (batch.producer_id, batch.producer_epoch)
        now = self._now()
        for count, record in enumerate(batch.records, 1):
            if not count % LOAD_STEP_RECORDS:
                yield LOAD_STEP_RECORDS
            if record.offset < shard.log_end:
                continue
            try:
                marker = marker_of(record) if batch.is_control else None
                if marker is None and record.key is None:
                    raise ProtocolError("it has no key")
                one = Record(record.key, record.value, -1, *producer, marker)
                shard.decider.apply((one,), now)
            except (ProtocolError, CorruptBatch) as problem:
                self._skip(shard, record.offset, problem)
        shard.log_end = max(shard.log_end, batch.last_offset + 1)

    def _skip(self, shard: _Shard, offset: int, problem: Exception, what: str = "record") -> None:
        """Leave out a record that somebody else wrote; it stays in the log, and is named once."""
        if offset <= self._named.get(shard.partition, -1):
            return
        self._named[shard.partition] = offset
        shard.skipped += 1
        if shard.skipped <= SKIPS_NAMED_MAX:
            self.report(
                f"{self.topic}-{shard.partition}: the {what} at offset {offset} can't be "
                f"understood and is left out: {problem}"
            )

    def deciders(self) -> list[tuple[Decider, bool]]:
        """Those of all shards, and whether each is still loading; from any thread."""
        return [(shard.decider, shard.loading) for shard in list(self._shards.values())]

    def failed_count(self) -> int:
        """Partitions that could not be loaded yet; from any thread."""
        return len(self._retries)

    def _loaded(self, shard: _Shard) -> None:
        shard.load = None
        self.load_times_ms.append(self._now().real_ms - shard.began_ms)
        if shard.partition not in self._fallen:
            self._retries.pop(shard.partition, None)
        if shard.skipped > SKIPS_NAMED_MAX:
            self.report(
                f"{self.topic}-{shard.partition}: {shard.skipped - SKIPS_NAMED_MAX} more records "
                "can't be understood and are left out"
            )
        now, image = self._now(), self._image()
        shard.image_offset = image.offset
        decision = shard.decider.loaded(image, now)
        for line in decision.notes:  # what was found in the log is for somebody to look at
            self.report(f"{shard.name}: {line}")
        shard.carry(decision._replace(notes=()), now)
        self._see(shard)

    def _fall(self, partition: int, why: str, problem: Exception | None = None) -> None:
        """What is in memory can't count any more: load the shard again."""
        # At once the first time only: a full disk would have it all read anew for each request.
        if partition in self._fallen:
            self._retry(partition, why, problem)
        else:
            self._fallen.add(partition)
            self.report(f"{self.topic}-{partition} {why}", problem)
            self.elected(partition)

    def _unreadable(self, partition: int, problem: Exception) -> None:
        known = problem if isinstance(problem, LogOffline) else None
        self._retry(partition, str(problem), known)

    def _retry(self, partition: int, why: str, problem: Exception | None = None) -> None:
        """Drop a shard that can't be used, and load it again after a while."""
        self._drop(partition)
        failures = self._retries.get(partition, 0)
        self._retries[partition] = failures + 1
        if not failures:
            self.report(
                f"{self.topic}-{partition} can't be used, and nothing that it keeps is served; "
                f"it is tried again until it can: {why}",
                problem,
            )
        most_ms = FALLEN_MS_MAX if partition in self._fallen else RETRY_MS_MAX
        delay_ms = min(RETRY_MS_MIN << min(failures, 16), most_ms)
        at_ms = self._now().steady_ms + delay_ms

        def again() -> None:
            if partition in self._retries and partition not in self._shards:
                self.elected(partition)

        self.timers.set(Timer((self.topic, partition, _RETRY), at_ms), again)

    def _drop(self, partition: int) -> None:
        """Forget what is in memory; whoever waits for it is told to look elsewhere, or again."""
        self.timers.set(Timer((self.topic, partition, _RETRY), None), _never)
        shard = self._shards.pop(partition, None)
        if shard is not None:
            self._waiting.pop(shard, None)
            shard.resign(ErrorCode.NOT_COORDINATOR)


def _never() -> None:
    """What a cancelled timer does."""
