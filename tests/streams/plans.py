"""Topologies written row by row, without the builder: what tests of single operators run.

plan = Plan()
count = plan.node("count", StreamAggregate("agg", Count()), plan.source("a"), store("agg"))
plan.sink("out", plan.node("stream", TableToStream(), count), STRING, LONG)
task = ReferenceTask(plan.topology(), SETTINGS)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from ottla.streams.execution import Settings
from ottla.streams.plan.functions import Function
from ottla.streams.plan.operators import Operator
from ottla.streams.plan.stores import Store, StoreKind
from ottla.streams.plan.topology import InternalTopic, Node, Sink, Source, Topology
from ottla.streams.serdes import STRING, Serde

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
