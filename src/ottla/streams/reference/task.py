"""The reference executor's task: sources, the order of records, both clocks, and what is fed back.

It does what Kafka's test driver does around its one task: a record is queued at its topic; then, as
long as something is queued, the record with the lowest time is taken and goes through the topology,
depth first; punctuations by stream time follow; what was written to a topic that is a source here
is queued again. A topic of a global table is read at once, past all queues. Times are ms since the
epoch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

from ottla.streams.errors import (
    ProcessingError,
    StreamsError,
    TopologyError,
    closed,
    failed_at,
    kept,
)
from ottla.streams.execution import Headers, Input, Produced, Settings, Skipped, time_of
from ottla.streams.plan.depth import depth
from ottla.streams.plan.topology import Source, Topology
from ottla.streams.plan.views import View
from ottla.streams.reference.catalog import OPERATORS, STORES
from ottla.streams.reference.codec import reads_headers
from ottla.streams.reference.context import UNKNOWN, Context
from ottla.streams.reference.failures import Failures, is_decided
from ottla.streams.reference.joins.streams import JoinWindow
from ottla.streams.reference.operator import Forward, Getter, Operator, Wiring, fan_out
from ottla.streams.reference.queues import UNREAD, Heap, Punctuation, TopicQueue
from ottla.streams.reference.sinks import Sink
from ottla.streams.reference.stateless import Branch, PassThrough
from ottla.streams.reference.stores.backends import face_of
from ottla.streams.reference.stores.store import StateStore
from ottla.streams.reference.views import make_view
from ottla.streams.serdes.serde import INT_MAX

#: A record that was read: (timestamp, input, key, value, offset).
Head = tuple[int, Input, Any, Any, int]


#: The record at hand where there is none: no time, headers, origin, nor bytes.
NOTHING: tuple[Any, ...] = (UNKNOWN, (), None, UNKNOWN, UNKNOWN, None, None)


#: How many operators may stand below one another: each is a few calls of Python inside the last.
DEPTH_MAX = 120


#: What sends the record on that it got, and makes none of its own.
PASS_ON = (Branch, JoinWindow, PassThrough)


class ReferenceTask:
    """Runs a topology; see `ottla.streams.execution.Executor`. `now` is the wall clock at its
    start."""

    def __init__(self, topology: Topology, settings: Settings, *, now: int = 0) -> None:
        self.topology = topology
        self.settings = settings
        self.closed = False
        self.context = Context(settings)
        self.context.now = now
        self.failures = Failures(self.context)
        self.shared: dict[str, Any] = {}
        self.operators: dict[str, Operator] = {}
        self.clocks: dict[str, Heap[Punctuation]] = {"stream_time": Heap(), "wall_clock": Heap()}
        self.stores: dict[str, StateStore] = {
            name: STORES[row.kind](row, self.context, topology.changelog_name(row, settings.app_id))
            for name, row in topology.stores.items()
        }
        #: Stores that write some of their changelog at a commit alone.
        self.committing = [
            store for store in self.stores.values() if type(store).commit is not StateStore.commit
        ]
        self.in_global = reachable(
            topology, [source.name for source in topology.sources.values() if source.is_global]
        )
        check_depth(topology)
        self._make_operators()
        self.entries: dict[str, Forward] = {}
        for name in reversed(list(topology.nodes)):
            self._link(name)
        self.queues: dict[str, TopicQueue] = {}
        self.patterns: list[tuple[Source, TopicQueue]] = []
        self.global_queues: dict[str, TopicQueue] = {}
        self.offsets: dict[str, int] = {}
        for source in topology.sources.values():
            self._open(source)
        self.ready: Heap[TopicQueue] = Heap()
        self.fed_back = 0
        self.feeds = settings.loop_back and self._may_feed_back()
        self._start(now)

    # ------------------------------------------------------------ what an executor offers
    def process(self, records: Sequence[Input], now: int) -> list[Produced]:
        context = self._begin(now)
        try:
            for context.cause, record in enumerate(records):
                self._take(record)
        except (ProcessingError, KeyboardInterrupt, SystemExit) as error:
            left(error, context.produced, context.cause)
            raise
        finally:
            context.at_work = False
        return context.produced

    def advance(self, now: int) -> list[Produced]:
        context = self._begin(now)
        try:
            self._punctuate("wall_clock", now)
            self._commit()
            self._work()
        except (ProcessingError, KeyboardInterrupt, SystemExit) as error:
            left(error, context.produced, UNKNOWN)
            raise
        finally:
            context.at_work = False
        return context.produced

    def _begin(self, now: int) -> Context:
        """One call at a time: one from within a user's function would lose what it caused."""
        context = self.context
        if self.closed:
            raise closed()
        self._check_idle()
        context.at_work, context.now, context.cause = True, now, UNKNOWN
        context.produced = []
        self.fed_back = 0
        return context

    def _check_idle(self) -> None:
        if self.context.at_work:
            raise RuntimeError(
                "this task is at work: on another thread, or in the call that made this one"
            )

    def store(self, name: str) -> Any:
        if name not in self.stores:
            raise StreamsError(
                f"there is no store {name}",
                hint=f"there are {', '.join(sorted(self.stores)) or 'none'}",
            )
        return face_of(self.stores[name], read_only=True)

    def skipped(self) -> Mapping[Skipped, int]:
        return dict(self.context.skipped)

    def close(self) -> None:
        if self.closed:
            return
        self._check_idle()
        self.closed = True
        self.context.set_record(NOTHING)
        failed: list[tuple[str, BaseException]] = []
        parts: list[tuple[str, Operator | StateStore]] = [
            *((name, self.operators[name]) for name in self.topology.nodes),
            *self.stores.items(),
        ]
        for name, part in parts:
            try:
                part.close()
            except BaseException as error:  # Ctrl-C in one leaves no other open
                failed.append((name, error))
        for _, problem in failed:
            if not isinstance(problem, Exception):
                raise problem
        for name, problem in failed:
            self._failed_alone("close", name, problem)

    # ------------------------------------------------------------ records
    def _take(self, record: Input) -> None:
        queue = self.queues.get(record.topic) or self._queue_of(record.topic)
        if queue is not None:
            if self.feeds or self.ready.items:
                self._enqueue(queue, record)
                self._work()
            else:  # nothing waits, and nothing can come back: the record need not queue
                head = queue.read(record, queue.partition_time)
                if head is not None:
                    if head[0] > queue.partition_time:
                        queue.partition_time = head[0]
                    self._run(queue, head)
        if queue is None or record.topic in self.global_queues:
            self._take_global(record)  # a pattern may match a global table's topic, too

    def _take_global(self, record: Input) -> None:
        queue = self.global_queues.get(record.topic)
        if queue is None:
            raise ProcessingError(
                f"no source of the topology reads the topic {record.topic}",
                hint=f"its sources read {', '.join(sorted(self.queues)) or 'patterns'}",
            )
        self._update_global(queue, record)

    def _queue_of(self, topic: str) -> TopicQueue | None:
        queue = self.queues.get(topic)
        if queue is None:
            for source, by_pattern in self.patterns:
                assert source.pattern is not None
                if source.pattern.fullmatch(topic):
                    return by_pattern
        return queue

    def _enqueue(self, queue: TopicQueue, record: Input) -> None:
        if queue.push(record):
            self.ready.push(queue)

    def _work(self) -> None:
        """Take records until nothing is queued, the earliest first."""
        self._feed_back()
        ready = self.ready
        while ready.items:
            queue = ready.pop()
            head = queue.pop()
            if queue.head is not None:
                ready.push(queue)
            if head is not UNREAD:
                self._run(queue, head)
            self._feed_back()

    def _run(self, queue: TopicQueue, head: Head) -> None:
        """One record through the topology, then the punctuations that its time makes due."""
        timestamp, record, key, value, offset = head
        topic, raw_key, raw_value, _, headers, partition, _ = record
        context = self.context
        if timestamp > context.stream_time:
            context.stream_time = timestamp
        context.timestamp = timestamp
        context.headers = headers
        context.topic = topic
        context.partition = partition
        context.offset = offset
        context.raw_key = raw_key
        context.raw_value = raw_value
        try:
            queue.forward(key, value, timestamp, headers)
        except Exception as error:
            if is_decided(error):
                raise
            self.failures.stop_at(queue.name, "failed", "processing", error)
        if self.clocks["stream_time"].items:
            self._punctuate("stream_time", context.stream_time)
        if self.committing:
            self._commit()

    def _commit(self) -> None:
        """As Kafka's driver commits: after each record and its punctuations."""
        for store in self.committing:
            store.commit()

    def _update_global(self, queue: TopicQueue, record: Input) -> None:
        head = queue.read(record, UNKNOWN)
        if head is None:
            return
        context, stream_time = self.context, self.context.stream_time
        context.set_record(
            (record.timestamp, record.headers, record.topic, record.partition, head[4],
             record.key, record.value)
        )  # fmt: skip
        try:
            queue.forward(head[2], head[3], record.timestamp, record.headers)
        except Exception as error:
            if is_decided(error):
                raise
            self.failures.stop_at(queue.name, "failed", "processing", error)
        context.stream_time = stream_time

    def _feed_back(self) -> None:
        """Queue what was written to topics that are sources here."""
        if not self.feeds:
            return
        produced = self.context.produced
        while self.fed_back < len(produced):
            made = produced[self.fed_back]
            self.fed_back += 1
            record = Input(made.topic, made.key, made.value, made.timestamp, made.headers)
            queue = self._queue_of(made.topic)
            if queue is not None:
                self._enqueue(queue, record)
            if made.topic in self.global_queues:
                self._update_global(self.global_queues[made.topic], record)

    def _may_feed_back(self) -> bool:
        """Whether a topic that is written is read here too."""
        app_id = self.settings.app_id
        written = {self.settings.dead_letter_topic}
        for sink in self.topology.sinks.values():
            if sink.topic is None:
                return True
            written.add(self.topology.topic_name(sink.topic, app_id))
        written |= {store.changelog for store in self.stores.values()}
        return any(
            topic is not None and (self._queue_of(topic) is not None or topic in self.global_queues)
            for topic in written
        )

    # ------------------------------------------------------------ punctuations
    def schedule(
        self,
        node: str,
        interval_ms: int,
        clock: str,
        callback: Callable[[int], None],
        start_ms: int | None,
    ) -> Punctuation:
        by_wall = clock == "wall_clock"
        now = self.context.now if by_wall else self.context.stream_time
        first = start_ms
        if first is None:
            first = now + interval_ms if by_wall else 0
        punctuation = Punctuation(node, first, interval_ms, callback)
        if start_ms is not None and start_ms < now:
            punctuation.advance(now)
        self.clocks[clock].push(punctuation)
        return punctuation

    def _punctuate(self, clock: str, time: int) -> None:
        due = self.clocks[clock]
        while due.items and due.items[0].time <= time and time != UNKNOWN:
            punctuation = due.pop()
            if punctuation.cancelled:
                continue
            self.context.set_record((time, *NOTHING[1:]))
            try:
                punctuation.callback(time)
            except Exception as error:
                if is_decided(error):
                    raise
                self.failures.handle("processing", punctuation.node, error)
            if not punctuation.cancelled:
                punctuation.advance(time)
                due.push(punctuation)

    # ------------------------------------------------------------ the build
    def _start(self, now: int) -> None:
        for name in self.topology.nodes:
            self.context.set_record((now, *NOTHING[1:]))
            try:
                self.operators[name].start()
            except Exception as error:
                self._failed_alone("init", name, error)

    def _failed_alone(self, what: str, node: str, error: BaseException) -> NoReturn:
        """A processor failed where no record is at hand."""
        text, hint = failed_at(node, None, what, None, error)
        raise ProcessingError(text, hint=hint) from error

    def make_view(self, view: View, wiring: Wiring) -> Getter:
        return make_view(view, wiring)

    def _make_operators(self) -> None:
        topology = self.topology
        for name, node in topology.nodes.items():
            make = OPERATORS.get(type(node.operator))
            if make is None:
                raise StreamsError(
                    f"the reference executor does not know {type(node.operator).__name__}"
                )
            wiring = Wiring(name, self, node.stores, name in self.in_global)
            self.operators[name] = make(node.operator, wiring)
        for name, sink in topology.sinks.items():
            self.operators[name] = Sink(
                sink, Wiring(name, self, (), False), topology, self.failures
            )

    def _link(self, name: str) -> None:
        operator = self.operators[name]
        operator.link({child: self._entry(child) for child in self.topology.nodes[name].children})
        if not isinstance(operator, PASS_ON):
            operator.forward = self._keeping_raw(operator.forward)

    def _entry(self, name: str) -> Forward:
        """What a parent calls: the node with its failures handled; sinks fail in their parent, and
        where that is a source, `_run` stops.
        """
        if name not in self.entries:
            process: Forward = self.operators[name].process
            if name in self.topology.nodes:
                process = self._guarded(name, process)
            self.entries[name] = process
        return self.entries[name]

    def _guarded(self, name: str, process: Forward) -> Forward:
        """With failures told where they come up: of this node, and of the record at hand now."""
        handle = self.failures.handle
        if name in self.in_global:
            handle = self.failures.handle_global

        def guarded(key: Any, value: Any, timestamp: int, headers: Headers) -> None:
            try:
                process(key, value, timestamp, headers)
            except Exception as error:
                if is_decided(error):
                    raise
                handle("processing", name, error)

        return guarded

    def _keeping_raw(self, forward: Forward) -> Forward:
        """A sink lets the raw record go; it is gone for whom else that record is sent to, not for
        the operator that made and sent it.
        """
        settings, context = self.settings, self.context
        if not (settings.dead_letter_topic or settings.processing_handler):
            return forward

        def keeping(key: Any, value: Any, timestamp: int, headers: Headers) -> None:
            raw = context.raw_key, context.raw_value
            try:
                forward(key, value, timestamp, headers)
            finally:
                context.raw_key, context.raw_value = raw

        return keeping

    def _open(self, source: Source) -> None:
        """Queues of a source: one for each topic, one for all topics of a pattern."""
        forward = fan_out([self._entry(child) for child in source.children])
        names = [self.topology.topic_name(topic, self.settings.app_id) for topic in source.topics]
        for name in names:
            queue = TopicQueue(source.name, self._reader(source), forward)
            (self.global_queues if source.is_global else self.queues)[name] = queue
        if source.pattern is not None:
            queue = TopicQueue(source.name, self._reader(source), forward)
            self.patterns.append((source, queue))

    def _reader(self, source: Source) -> Callable[[Input, int], Head | None]:
        """What makes a source's raw record one with values and a time, or None."""
        key_serde, value_serde = source.key.as_key(), source.value
        with_headers = reads_headers(key_serde) or reads_headers(value_serde)
        read_key, read_value = key_serde.deserialize, value_serde.deserialize
        extractor, offsets, is_global = source.timestamp_extractor, self.offsets, source.is_global

        def read(record: Input, partition_time: int) -> Head | None:
            name, raw_key, raw_value, timestamp, headers, _, offset = record
            if offset < 0:
                offset = offsets.get(name, 0)
            offsets[name] = offset + 1 if offset < INT_MAX else INT_MAX
            try:
                if with_headers:
                    listed = list(headers)
                    key = read_key(raw_key, name, listed)
                    value = read_value(raw_value, name, listed)
                else:
                    key = read_key(raw_key, name)
                    value = read_value(raw_value, name)
            except Exception as error:
                self._unreadable(source, record, offset, error)
                return None
            if extractor is not None and not is_global:
                timestamp = self._extracted(source, record, offset, key, value, partition_time)
            if timestamp < 0 and not is_global:
                self._without_time(source, record, offset, timestamp)
                return None
            return timestamp, record, key, value, offset

        return read

    def _unreadable(self, source: Source, record: Input, offset: int, error: Exception) -> None:
        before = self.context.record()
        self._at(record, offset)
        if source.is_global:
            self.context.skip(source.name, f"deserialization failed: {type(error).__name__}")
        else:
            self.failures.handle("deserialization", source.name, error)
        self.context.set_record(before)

    def _extracted(
        self,
        source: Source,
        record: Input,
        offset: int,
        key: Any,
        value: Any,
        partition_time: int,
    ) -> int:
        assert source.timestamp_extractor is not None
        try:
            time = source.timestamp_extractor(
                record.topic, record.partition, offset, record.timestamp, key, value,
                record.headers, partition_time,
            )  # fmt: skip
            return time_of(time, what="its result")
        except Exception as error:
            self._at(record, offset)
            self.failures.stop_at(source.name, "extractor", None, error)

    def _without_time(self, source: Source, record: Input, offset: int, timestamp: int) -> None:
        """A negative time is an error of the record, unless the user's extractor gave it."""
        before = self.context.record()
        self._at(record, offset)
        if source.timestamp_extractor is None:
            error = ProcessingError(
                f"a record of the topic {record.topic} has the negative time {timestamp}",
                hint="give the source a timestamp extractor that makes one",
            )
            self.failures.stop_at(source.name, "reading", None, error)
        self.context.skip(source.name, "its time is negative")
        self.context.set_record(before)

    def _at(self, record: Input, offset: int) -> None:
        self.context.set_record(
            (record.timestamp, record.headers, record.topic, record.partition, offset,
             record.key, record.value)
        )  # fmt: skip


def left(error: BaseException, produced: Sequence[Produced], place: int) -> None:
    """An exception leaves the task: what it decided about it means nothing to another one."""
    kept(error, produced, place)
    if isinstance(error, ProcessingError):
        error.standing = ""


def check_depth(topology: Topology) -> None:
    """Refuse what would run out of Python's stack.

    Raises:
        TopologyError: too many operators stand below one another.
    """
    deepest = depth(topology, lambda node: 1)
    if deepest > DEPTH_MAX:
        raise TopologyError(
            f"the topology is {deepest} operators deep; the reference executor runs {DEPTH_MAX}",
            hint="put several functions into one, repartition between, or take the fast executor",
        )


def reachable(topology: Topology, roots: Sequence[str]) -> frozenset[str]:
    """The names of all nodes below these sources."""
    found: set[str] = set()
    rest = [child for root in roots for child in topology.sources[root].children]
    while rest:
        name = rest.pop()
        if name not in found and name in topology.nodes:
            found.add(name)
            rest += topology.nodes[name].children
    return frozenset(found)
