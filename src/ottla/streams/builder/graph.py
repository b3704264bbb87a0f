"""The logical graph that calls make: nodes with parents and children, in Kafka's order.

A node is written into the topology once all its parents are; among those that wait, the one that
was added first goes first. What a node writes is decided then and not when it is added, since later
calls may still ask a table to keep its values or to send old ones.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ottla.streams.expressions import key, lit
from ottla.streams.plan import operators as plan
from ottla.streams.plan.functions import Function
from ottla.streams.plan.operators import Operator
from ottla.streams.plan.stores import Store
from ottla.streams.serdes import Serde

if TYPE_CHECKING:
    from ottla.streams.builder.writer import Writer


@dataclass(eq=False)
class GraphNode:
    """One logical node. Sets of nodes are dicts, which keep their order."""

    name: str
    children: dict[GraphNode, None] = field(default_factory=dict, repr=False)
    parents: dict[GraphNode, None] = field(default_factory=dict, repr=False)
    priority: int = 0
    changes_key: bool = False
    changes_value: bool = False
    is_merge: bool = False
    #: Whether the table that it makes is versioned; None where that is its parents' affair.
    versioned: bool | None = None
    #: A join that keeps records without a key.
    keeps_null_keys: bool = False
    written: bool = False

    def add_child(self, child: GraphNode) -> None:
        self.children[child] = None
        child.parents[self] = None

    def remove_child(self, child: GraphNode) -> None:
        self.children.pop(child, None)
        child.parents.pop(self, None)

    def parent_names(self) -> tuple[str, ...]:
        return tuple(parent.name for parent in self.parents)

    def write(self, writer: Writer) -> None:
        """Add what it stands for to the topology."""

    def use_versions(self, parent: str) -> None:
        """The table of this parent is versioned, and the operator heeds it."""


@dataclass(eq=False)
class SourceNode(GraphNode):
    topics: tuple[str, ...] = ()
    pattern: Any = None
    key: Serde | None = None
    value: Serde | None = None
    timestamp: Any = None
    reset: str | None = None

    def write(self, writer: Writer) -> None:
        writer.add_source(
            self.name, self.topics, self.pattern, self.key, self.value, self.timestamp, self.reset
        )


@dataclass(eq=False)
class ProcessorNode(GraphNode):
    """A node with an operator, stores of its own, and stores that it reaches."""

    operator: Callable[[], Operator] = plan.PassThrough
    stores: Callable[[], Iterable[Store]] = tuple
    connected: Callable[[], Iterable[str]] = tuple
    #: What marks the operator as one that heeds versions.
    mark_versioned: Callable[[str], None] | None = None
    #: A windowed aggregation's grace, for suppress below it.
    grace_ms: int | None = None
    #: Suppress: a versioned table above it is refused.
    refuses_versions: bool = False

    def write(self, writer: Writer) -> None:
        writer.add_processor(self.name, self.operator(), self.parent_names(), self.stores())
        writer.connect(self.name, self.connected())

    def use_versions(self, parent: str) -> None:
        if self.mark_versioned is not None:
            self.mark_versioned(parent)


@dataclass(eq=False)
class JoinWindowNode(ProcessorNode):
    """Keeps one side of a stream-stream join."""


@dataclass(eq=False)
class TableSourceNode(GraphNode):
    """A topic read as a table: a source and the operator that makes changes."""

    source: str = ""
    topic: str = ""
    key: Serde | None = None
    value: Serde | None = None
    timestamp: Any = None
    reset: str | None = None
    operator: Callable[[], Operator] = plan.PassThrough
    store: Callable[[], Store | None] = lambda: None
    is_global: bool = False
    reuses_topic: bool = False

    def write(self, writer: Writer) -> None:
        store = self.store()
        stores = () if store is None else (store,)
        if self.is_global:
            writer.add_global(
                self.source, self.topic, self.key, self.value, self.timestamp,
                self.name, self.operator(), stores,
            )  # fmt: skip
            return
        writer.add_source(
            self.source, (self.topic,), None, self.key, self.value, self.timestamp, self.reset
        )
        if self.reuses_topic and store is not None:
            stores = (writer.without_changelog(store, self.topic),)
        writer.add_processor(self.name, self.operator(), (self.source,), stores)


@dataclass(eq=False)
class GlobalStoreNode(GraphNode):
    source: str = ""
    topic: str = ""
    key: Serde | None = None
    value: Serde | None = None
    timestamp: Any = None
    processor: str = ""
    operator: Callable[[], Operator] = plan.PassThrough
    store: Callable[[], Store] | None = None

    def write(self, writer: Writer) -> None:
        stores = () if self.store is None else (self.store(),)
        writer.add_global(
            self.source, self.topic, self.key, self.value, self.timestamp,
            self.processor, self.operator(), stores,
        )  # fmt: skip


@dataclass(eq=False)
class StoreNode(GraphNode):
    store: Callable[[], Store] | None = None

    def write(self, writer: Writer) -> None:
        if self.store is not None:
            writer.add_store(self.store())


@dataclass(eq=False)
class SinkNode(GraphNode):
    topic: str | None = None
    extractor: Function | None = None
    key: Serde | None = None
    value: Serde | None = None
    partitioner: Any = None

    def write(self, writer: Writer) -> None:
        writer.add_sink(
            self.name, self.topic, self.extractor, self.key, self.value, self.partitioner,
            self.parent_names(),
        )  # fmt: skip


@dataclass(eq=False)
class RepartitionNode(GraphNode):
    """A filter, a sink and a source around a repartition topic. Its name is the source's."""

    filter: str = ""
    sink: str = ""
    topic: str = ""
    key: Serde | None = None
    value: Serde | None = None
    partitioner: Any = None
    partitions: int | None = None
    #: May be merged with others behind one change of keys.
    mergeable: bool = True
    drops_null_keys: bool = False

    def write(self, writer: Writer) -> None:
        writer.add_internal_topic(self.topic, self.partitions)
        keep = plan.Filter(
            has_key if self.drops_null_keys else anything, by_key=self.drops_null_keys
        )
        writer.add_processor(self.filter, keep, self.parent_names(), ())
        writer.add_sink(
            self.sink, self.topic, None, self.key, self.value, self.partitioner, (self.filter,)
        )
        writer.add_source(self.name, (self.topic,), None, self.key, self.value, None, None)


@dataclass(eq=False)
class ChangesNode(GraphNode):
    """A table's changes through a repartition topic: a sink and a source."""

    sink: str = ""
    topic: str = ""
    key: Serde | None = None
    value: Serde | None = None

    def write(self, writer: Writer) -> None:
        writer.add_internal_topic(self.topic, None)
        writer.add_changes(
            self.sink, self.name, self.topic, self.key, self.value, self.parent_names()
        )


@dataclass(eq=False)
class StreamJoinNode(GraphNode):
    """Both sides of a join of two streams and their merge; the node's name is the merge's."""

    left: ProcessorNode | None = None
    right: ProcessorNode | None = None
    self_join: Callable[[], Operator] | None = None
    left_windowed: str = ""
    right_windowed: str = ""
    left_store: Callable[[], Store] | None = None
    is_self_join: bool = False

    def write(self, writer: Writer) -> None:
        assert self.left is not None
        assert self.right is not None
        if self.is_self_join:
            assert self.self_join is not None
            assert self.left_store is not None
            stores = (self.left_store(),)
            writer.add_processor(self.name, self.self_join(), (self.left_windowed,), stores)
            return
        for side, windowed in ((self.left, self.left_windowed), (self.right, self.right_windowed)):
            writer.add_processor(side.name, side.operator(), (windowed,), side.stores())
        names = (self.left.name, self.right.name)
        writer.add_processor(self.name, plan.PassThrough(), names, ())


@dataclass(eq=False)
class TableJoinNode(GraphNode):
    """Both sides of a join of two tables and their merge; the node's name is the merge's."""

    left: ProcessorNode | None = None
    right: ProcessorNode | None = None
    left_table: str = ""
    right_table: str = ""
    merge: Callable[[], Operator] = plan.PassThrough
    stores: Callable[[], Iterable[Store]] = tuple

    def write(self, writer: Writer) -> None:
        assert self.left is not None
        assert self.right is not None
        left, right = self.left, self.right
        writer.add_processor(left.name, left.operator(), (self.left_table,), ())
        writer.add_processor(right.name, right.operator(), (self.right_table,), ())
        writer.add_processor(self.name, self.merge(), (left.name, right.name), self.stores())
        writer.connect(left.name, left.connected())
        writer.connect(right.name, right.connected())

    def use_versions(self, parent: str) -> None:
        for side, table in ((self.left, self.left_table), (self.right, self.right_table)):
            if side is not None and side.mark_versioned is not None and parent == table:
                side.mark_versioned(parent)


_RECORD = ("key", "value", "timestamp", "headers")
_HAS_KEY = ~key().is_null()
_ANYTHING = lit(True)
#: What goes into a repartition topic, as data: no executor asks Python about it.
has_key = Function(_HAS_KEY.evaluate, _RECORD, _HAS_KEY, "has_key")
anything = Function(_ANYTHING.evaluate, _RECORD, _ANYTHING, "anything")


class Graph:
    """All nodes of one topology, from a root that stands for nothing."""

    def __init__(self) -> None:
        self.root = GraphNode("root")
        self._priority = 0
        #: Nodes that change keys, with the repartitions below them that may become one.
        self.key_changers: dict[GraphNode, dict[RepartitionNode, None]] = {}
        self.merges: dict[GraphNode, None] = {}
        self.nodes: dict[GraphNode, None] = {}

    def add(self, parents: Iterable[GraphNode] | GraphNode, node: GraphNode) -> None:
        for parent in (parents,) if isinstance(parents, GraphNode) else parents:
            parent.add_child(node)
            self._note(node)

    def _note(self, node: GraphNode) -> None:
        node.priority = self._priority
        self._priority += 1
        self.nodes[node] = None
        if node.changes_key:
            self.key_changers[node] = {}
        elif isinstance(node, RepartitionNode) and node.mergeable:
            changer = self.key_changer_of(node)
            if changer is not None:
                self.key_changers[changer][node] = None
        elif node.is_merge:
            self.merges[node] = None

    def key_changer_of(self, node: GraphNode) -> GraphNode | None:
        """The nearest node above that changes keys, unless one that changes values is nearer."""
        either = nearest(node, lambda n: n.changes_key or n.changes_value)
        changer = nearest(node, lambda n: n.changes_key)
        return changer if either is changer else None

    def write(self, writer: Writer) -> None:
        """Write every node, parents first, those that were added first before others."""
        count = 0
        waiting: list[tuple[int, int, GraphNode]] = [(self.root.priority - 1, 0, self.root)]
        while waiting:
            _, _, node = heapq.heappop(waiting)
            if node.written or not all(parent.written for parent in node.parents):
                continue
            node.write(writer)
            node.written = True
            for child in node.children:
                count += 1
                heapq.heappush(waiting, (child.priority, count, child))


def nearest(node: GraphNode, holds: Callable[[GraphNode], bool]) -> GraphNode | None:
    """The node itself or the nearest above it of which this holds, as Kafka looks: depth first."""
    waiting, seen = [node], {node}
    while waiting:
        found = waiting.pop()
        if holds(found):
            return found
        # The first parent is looked at first; where several ways lead up, one is enough.
        waiting += [parent for parent in reversed(found.parents) if parent not in seen]
        seen.add(found)
    return None
