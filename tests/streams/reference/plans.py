"""Topologies written row by row, without the builder: what the reference executor's tests run.

plan = Plan()
count = plan.node("count", StreamAggregate("agg", Count()), plan.source("a"), store("agg"))
plan.sink("out", plan.node("stream", TableToStream(), count), STRING, LONG)
answer = run(plan.topology(), lines)
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ottla.streams.errors import StreamsError
from ottla.streams.execution import Executor, Input, Produced, Settings
from ottla.streams.plan.functions import Function
from ottla.streams.plan.operators import Operator
from ottla.streams.plan.stores import Store, StoreKind
from ottla.streams.plan.topology import InternalTopic, Node, Sink, Source, Topology
from ottla.streams.reference.context import UNKNOWN
from ottla.streams.reference.task import ReferenceTask
from ottla.streams.serdes import STRING, Serde
from streams import recordings
from streams.dumps import store_lines

APP = "app"
#: Whose time-outs of emission are off, as in Java's driver.
SETTINGS = Settings(APP, emit_interval_ms=0)


class Plan:
    """Rows in the order in which they are added."""

    def __init__(self) -> None:
        self.sources: dict[str, Source] = {}
        self.nodes: dict[str, Node] = {}
        self.sinks: dict[str, Sink] = {}
        self.stores: dict[str, Store] = {}
        self.internal: dict[str, InternalTopic] = {}

    def source(self, *topics: str, key: Serde = STRING, value: Serde = STRING, **more: Any) -> str:
        name: str = more.pop("name", f"source-{'-'.join(topics)}")
        more.setdefault("pattern", None)
        self.sources[name] = Source(name, topics, key=key, value=value, **more)
        return name

    def node(self, name: str, operator: Operator, *above: str | Store) -> str:
        """A node below others; stores among `above` are connected, and added if they are new."""
        stores = [each for each in above if isinstance(each, Store)]
        self.stores.update({each.name: each for each in stores})
        self.nodes[name] = Node(name, operator, (), tuple(each.name for each in stores))
        self._under(name, above)
        return name

    def sink(
        self,
        topic: str | None,
        above: str,
        key: Serde = STRING,
        value: Serde = STRING,
        **more: Any,
    ) -> str:
        name: str = more.pop("name", f"sink-{topic}-{len(self.sinks)}")
        more.setdefault("extractor", None)
        self.sinks[name] = Sink(name, topic, key=key, value=value, **more)
        self._under(name, (above,))
        return name

    def repartition(
        self, topic: str, above: str, key: Serde = STRING, value: Serde = STRING
    ) -> str:
        """Through an internal topic: the source behind it."""
        self.internal[topic] = InternalTopic(topic)
        self.sink(topic, above, key, value)
        return self.source(topic, key=key, value=value)

    def _under(self, name: str, above: Iterable[str | Store]) -> None:
        for each in above:
            if isinstance(each, str) and each in self.sources:
                found = self.sources[each]
                self.sources[each] = replace(found, children=(*found.children, name))
            elif isinstance(each, str):
                node = self.nodes[each]
                self.nodes[each] = replace(node, children=(*node.children, name))

    def topology(self) -> Topology:
        return Topology(self.sources, self.nodes, self.sinks, self.stores, self.internal)


def store(
    name: str,
    value: Serde = STRING,
    kind: StoreKind = StoreKind.KEY_VALUE,
    *,
    timestamped: bool = True,
    **more: Any,
) -> Store:
    """A store of texts; one of windows has segments of a minute, as Kafka's have at least."""
    if kind in (StoreKind.WINDOW, StoreKind.SESSION):
        more.setdefault("segment_interval_ms", max(60_000, more["retention_ms"] // 2))
    return Store(name, kind, STRING, value, timestamped=timestamped, **more)


def function(call: Callable[..., Any], *offered: str) -> Function:
    """A user's function of an operator that offers these arguments (key and value, unless said)."""
    return Function.of(call, offered or ("key", "value"), what="a test")


def by_aggregate(call: Callable[..., Any]) -> Function:
    return function(call, "key", "value", "aggregate")


def reducer(call: Callable[..., Any]) -> Function:
    return function(call, "aggregate", "value")


def constant(call: Callable[[], Any]) -> Function:
    return Function(call, ())


def run(
    topology: Topology, lines: Sequence[Mapping[str, Any]], settings: Settings = SETTINGS
) -> recordings.Answer:
    """What the reference executor does with a generator's input lines, one at a time."""
    task = ReferenceTask(topology, settings)
    found = answer(task, lines)
    return found if found.error else replace(found, stores=list(store_lines(task, topology)))


def answer(task: Executor, lines: Sequence[Mapping[str, Any]]) -> recordings.Answer:
    rows: list[dict[str, Any]] = []
    now = 0
    for place, line in enumerate(lines):
        try:
            if "advance" in line:
                now += line["advance"]
                produced = task.advance(now)
            else:
                produced = task.process([given(line)], now)
        except StreamsError as error:
            # What the failing record caused is not shown: Java's driver never gets to look at it.
            return recordings.Answer(rows, error={"i": place, "message": str(error)})
        rows += [row(each, place) for each in produced]
    return recordings.Answer(rows)


def given(line: Mapping[str, Any]) -> Input:
    """An input line as a record."""

    def encoded(text: str | None) -> bytes | None:
        return None if text is None else text.encode()

    headers = tuple((name, encoded(value)) for name, value in (line.get("headers") or {}).items())
    return Input(line["topic"], encoded(line["key"]), encoded(line["value"]), line["ts"], headers)


#: The headers whose content is Java's own, so that only their presence counts.
OF_JAVA = ("__streams.errors.exception", "__streams.errors.stacktrace")


def row(produced: Produced, place: int) -> dict[str, Any]:
    """A record as the recordings write it."""

    def shown(data: bytes | None) -> str | None:
        return None if data is None else base64.b64encode(data).decode()

    headers = {name: "" if name in OF_JAVA else shown(data) for name, data in produced.headers}
    return {
        "i": place,
        "topic": produced.topic,
        "key": shown(produced.key),
        "value": shown(produced.value),
        "ts": None if produced.timestamp == UNKNOWN else produced.timestamp,
        "headers": headers,
    }
