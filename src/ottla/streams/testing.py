"""A topology in a test: records in and out, stores and both clocks, no broker, in milliseconds.

    with TopologyTest(app) as test:
        orders = test.input("orders")
        orders.send("ann", {"price": 12}, at=1_000)
        assert test.output("totals").read().value == 12

`at` is the record's time, which moves stream time; `test.advance("5s")` moves the wall clock.
Everything that a record causes has happened when `send` returns: repartition topics are read back
at once, as in Apache Kafka's TopologyTestDriver.
"""

from __future__ import annotations

import reprlib
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

from ottla.streams.durations import ms
from ottla.streams.errors import StreamsError
from ottla.streams.execution import (
    Executor,
    Headers,
    Input,
    Produced,
    Settings,
    Skipped,
    headers_of,
)
from ottla.streams.plan.operators import Emit, Operator, Suppress
from ottla.streams.plan.topology import Topology
from ottla.streams.serdes import Serde, serde_for

if TYPE_CHECKING:
    from ottla.streams.builder.application import Application

#: The executors that there are, for what runs a test on both.
ExecutorName = Literal["rust", "python"]


@dataclass(frozen=True, slots=True)
class TestRecord:
    """A record as a test sees it. `timestamp` is ms since the epoch."""

    __test__ = False  # its name is Kafka's; pytest would take it for a test

    key: Any
    value: Any
    timestamp: int
    headers: Headers = ()


class TestInput:
    """Where a test writes records for a topic that the topology reads."""

    __test__ = False

    def __init__(
        self, test: TopologyTest, topic: str, key: Serde, value: Serde, start: int, step: int
    ) -> None:
        self._test = test
        self.topic = topic
        self._key = key
        self._value = value
        self._next = start
        self._step = step

    def send(
        self,
        key: Any = None,
        value: Any = None,
        *,
        at: int | datetime | None = None,
        headers: Mapping[str, bytes | None] | Iterable[tuple[str, bytes | None]] = (),
    ) -> None:
        """Write one record and process all that it causes.

        Without `at` the record's time is the input's own clock, which each such record moves by
        `step`. It begins at `start`, or at the test's `now`: that is 0, in 1970, if none is given,
        where Java's driver begins at the present.

        Raises:
            ProcessingError: the topology failed on it and no handler resumed.
        """
        self._test.process([self.record(key, value, at=at, headers=headers)])

    def send_all(
        self, records: Iterable[TestRecord | Input | tuple[Any, Any] | tuple[Any, Any, int]]
    ) -> None:
        """Write many records as one batch; the results are the same as of one by one.

        Each is a `TestRecord`, what `record()` gave, or a tuple: (key, value) or (key, value, at).
        """
        self._test.process([self._one_of_many(each) for each in records])

    def _one_of_many(self, given: Any) -> Input:
        match given:
            case Input():
                return given
            case TestRecord():
                return self.record(
                    given.key, given.value, at=given.timestamp, headers=given.headers
                )
            case (key, value):
                return self.record(key, value)
            case (key, value, at):
                return self.record(key, value, at=at)
        raise StreamsError(
            f"send_all was given {reprlib.repr(given)}, which is no record",
            hint="give TestRecord(key, value, timestamp), (key, value) or (key, value, at)",
        )

    def record(
        self,
        key: Any,
        value: Any,
        *,
        at: int | datetime | None = None,
        headers: Mapping[str, bytes | None] | Iterable[tuple[str, bytes | None]] = (),
    ) -> Input:
        """The record as the topology will see it, not yet written: for `send_all` and
        `TopologyTest.process`.
        """
        given: Any = headers.items() if isinstance(headers, Mapping) else headers
        if isinstance(given, Iterable):
            given = tuple(given)
        pairs = list(headers_of(given, what=f"headers= of a record for {self.topic}"))
        key_bytes = self._key.serialize(key, self.topic, pairs)
        value_bytes = self._value.serialize(value, self.topic, pairs)
        if at is None:
            at, self._next = self._next, self._next + self._step
        timestamp = ms_of(at, what="at")
        return Input(self.topic, key_bytes, value_bytes, timestamp, tuple(pairs))


class TestOutput:
    """What the topology wrote to one topic and the test has not read yet."""

    __test__ = False

    def __init__(
        self, test: TopologyTest, topic: str, key: Serde, value: Serde, rows: deque[Produced]
    ) -> None:
        self._test = test
        self.topic = topic
        self._key = key
        self._value = value
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def __repr__(self) -> str:
        return f"<TestOutput {self.topic}: {len(self._rows)} to read>"

    def __iter__(self) -> Iterator[TestRecord]:
        """Read one after the other, as `read` does."""
        while self._rows:
            yield self.read()

    def read(self) -> TestRecord:
        """The next record.

        Raises:
            StreamsError: there is none.
        """
        if not self._rows:
            raise self._test.nothing_in(self.topic)
        row = self._rows.popleft()
        self._test.taken[self.topic] += 1
        headers = list(row.headers)
        return TestRecord(
            self._key.deserialize(row.key, self.topic, headers),
            self._value.deserialize(row.value, self.topic, headers),
            row.timestamp,
            row.headers,
        )

    def read_all(self) -> list[TestRecord]:
        """All that is left, in the order in which it was written."""
        return [self.read() for _ in range(len(self._rows))]

    def read_values(self) -> list[tuple[Any, Any]]:
        """All that is left as pairs of key and value."""
        return [(record.key, record.value) for record in self.read_all()]

    def read_table(self) -> dict[Any, Any]:
        """All that is left as a table: the last value of each key; null takes the key away."""
        found: dict[Any, Any] = {}
        for record in self.read_all():
            found.pop(record.key, None)
            if record.value is not None:
                found[record.key] = record.value
        return found


class TopologyTest:
    """One task of a topology, fed by a test.

    `executor` is "rust", the fast one that applications run on, or "python", the reference: both
    give the same bytes. A test that runs on both takes an `ExecutorName`, which type checkers know:
    `@pytest.mark.parametrize("executor", get_args(ExecutorName))` above `def test_sales(executor:
    ExecutorName)`. `now` is the wall clock at the start, in ms or a datetime; `advance` alone moves
    it.
    """

    __test__ = False

    def __init__(
        self,
        app: Application,
        *,
        executor: ExecutorName = "rust",
        now: int | datetime = 0,
        settings: Settings | None = None,
    ) -> None:
        self.topology: Topology = app.build()
        self.settings = settings if settings is not None else app.settings()
        self._now = ms_of(now, what="now")
        self._executor = executor_of(executor, self.topology, self.settings, now=self._now)
        self._outputs: dict[str, deque[Produced]] = {}
        #: How many records were read already, by topic.
        self.taken: Counter[str] = Counter()
        self._sources = {
            topic: source for source in self.topology.sources.values() for topic in source.topics
        }

    # ------------------------------------------------------------ in
    def input(
        self,
        topic: str,
        *,
        key: object = None,
        value: object = None,
        start: int | datetime | None = None,
        step: int | timedelta | str = 0,
    ) -> TestInput:
        """Where to write records for a topic; serdes are the topology's own where none are given.

        Raises:
            StreamsError: the topology does not read this topic.
        """
        source = self._source_of(topic)
        return TestInput(
            self,
            topic,
            source.key if key is None else serde_for(key),
            source.value if value is None else serde_for(value),
            self._now if start is None else ms_of(start, what="start"),
            ms(step, what="step"),
        )

    def _source_of(self, topic: str) -> Any:
        found = self._sources.get(topic)
        if found is not None:
            return found
        for source in self.topology.sources.values():
            if source.pattern is not None and source.pattern.fullmatch(topic):
                return source
        raise StreamsError(
            f"the topology does not read {topic}",
            hint=f"it reads {', '.join(sorted(self._sources)) or 'no topic'}",
        )

    def process(self, records: list[Input]) -> list[Produced]:
        """Process records as one batch; what they caused, which outputs hold too."""
        return self._kept(lambda: self._executor.process(records, self._now))

    def _kept(self, work: Callable[[], list[Produced]]) -> list[Produced]:
        """What was written goes to the outputs, also before a failure."""
        try:
            produced = work()
        except BaseException as error:  # Ctrl-C and the end of a coroutine, too
            self._keep(getattr(error, "produced", ()))
            raise
        self._keep(produced)
        return produced

    def _keep(self, produced: Iterable[Produced]) -> None:
        for row in produced:
            self._outputs.setdefault(row.topic, deque()).append(row)

    # ------------------------------------------------------------ time
    @property
    def now(self) -> int:
        """The wall clock, ms since the epoch."""
        return self._now

    def advance(self, by: int | timedelta | str) -> list[Produced]:
        """Move the wall clock by ms, a timedelta or a text such as "5s"; its punctuations run."""
        self._now += ms(by, what="advance")
        return self._kept(lambda: self._executor.advance(self._now))

    # ------------------------------------------------------------ out
    def output(self, topic: str, *, key: object = None, value: object = None) -> TestOutput:
        """What was written to a topic; serdes are those of the sink that writes there.

        Raises:
            StreamsError: the topology never writes there, or no sink says the serdes.
        """
        self._check_written(topic)
        sink = next((s for s in self.topology.sinks.values() if s.topic == topic), None)
        if sink is None and (key is None or value is None):
            raise StreamsError(
                f"no sink of the topology writes to {topic}, so its serdes are not known",
                hint=f"say them: test.output({topic!r}, key=str, value=bytes)",
            )
        rows = self._outputs.setdefault(topic, deque())
        return TestOutput(
            self,
            topic,
            sink.key if key is None and sink else serde_for(key),
            sink.value if value is None and sink else serde_for(value),
            rows,
        )

    def _check_written(self, topic: str) -> None:
        plan, app_id = self.topology, self.settings.app_id
        if any(sink.topic is None for sink in plan.sinks.values()):
            return  # a function names its topics, which may be any
        logs = {plan.changelog_name(store, app_id) for store in plan.stores.values()}
        sinks = {plan.topic_name(sink.topic, app_id) for sink in plan.sinks.values() if sink.topic}
        names = {*logs, *sinks, self.settings.dead_letter_topic}
        known = sorted(name for name in names if name is not None)
        if topic not in known and topic not in self._outputs:
            near = get_close_matches(topic, known, 1) or known
            raise StreamsError(
                f"the topology never writes to {reprlib.repr(topic)}",
                hint=f"it writes to {', '.join(near[:10]) or 'no topic'}",
            )

    def nothing_in(self, topic: str) -> StreamsError:
        """The error of who reads more than was written."""
        hint = "look at test.topics(), and at test.skipped() for what was left out and why"
        if self.taken[topic]:
            hint = f"{self.taken[topic]} were read already, and reading takes them away; {hint}"
        waits = [name for name, node in self.topology.nodes.items() if _waits(node.operator)]
        if waits:
            hint += (
                f"; {', '.join(waits[:10])} holds results back until stream time has moved on: "
                "send a later record"
            )
        return StreamsError(f"nothing more was written to {topic}", hint=hint)

    def topics(self) -> list[str]:
        """Every topic that something was written to and not read yet, changelogs among them."""
        return sorted(topic for topic, rows in self._outputs.items() if rows)

    def store(self, name: str) -> Any:
        """A state store, to be read.

        Raises:
            StreamsError: there is no store of this name.
        """
        if name not in self.topology.stores:
            raise StreamsError(
                f"there is no store {name}",
                hint=f"there are {', '.join(sorted(self.topology.stores)) or 'no stores'}",
            )
        return self._executor.store(name)

    def skipped(self) -> Mapping[Skipped, int]:
        """How many records were left out, by operator and reason."""
        return self._executor.skipped()

    # ------------------------------------------------------------ the end
    def close(self) -> None:
        self._executor.close()

    def __enter__(self) -> TopologyTest:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def executor_of(name: str, topology: Topology, settings: Settings, *, now: int = 0) -> Executor:
    """A task of the executor of this name; `now` is the wall clock at its start."""
    if name == "python":
        from ottla.streams.reference.task import ReferenceTask

        return ReferenceTask(topology, settings, now=now)
    if name == "rust":
        from ottla.streams.fast.task import FastTask

        return FastTask(topology, settings, now=now)
    raise StreamsError(f"there is no executor {name!r}", hint='take "rust" or "python"')


def ms_of(time: int | datetime, *, what: str) -> int:
    """Ms since the epoch.

    Raises:
        StreamsError: it is no whole number of 64 bits and no datetime with a zone; the text names
            `what`.
    """
    if isinstance(time, datetime) and time.tzinfo is not None:
        return round((time - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(milliseconds=1))
    if isinstance(time, int) and not isinstance(time, bool) and -(2**63) <= time < 2**63:
        return time
    if isinstance(time, datetime):
        raise StreamsError(
            f"{what}={time!r} has no zone, so it names no moment",
            hint="give it one: datetime(..., tzinfo=timezone.utc)",
        )
    raise StreamsError(
        f"{what}={reprlib.repr(time)} is no time of a record",
        hint="give whole ms since the epoch (of seconds: round(time.time() * 1000)), or a datetime",
    )


def _waits(operator: Operator) -> bool:
    """Whether its results wait for a later record."""
    return isinstance(operator, Suppress) or getattr(operator, "emit", None) is Emit.ON_CLOSE
