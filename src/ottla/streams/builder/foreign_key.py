"""A join of two tables by a foreign key: subscriptions go to the other table, answers come back.

Two internal topics lie between: one tells the right side who wants to know of which key, the other
brings its value, with a hash of the left value that asked, so that an answer to a value that is
gone is left out.
"""

from __future__ import annotations

from typing import Any

from ottla.streams.builder.building import Materialized
from ottla.streams.builder.graph import GraphNode, ProcessorNode, SinkNode, SourceNode
from ottla.streams.builder.graph import GraphNode as _Node
from ottla.streams.builder.signatures import JOINED, RECORD
from ottla.streams.builder.table import KTable
from ottla.streams.builder.tables import SourceTable, check_reads
from ottla.streams.errors import TopologyError
from ottla.streams.plan import operators as plan
from ottla.streams.plan.functions import Function
from ottla.streams.plan.stores import Store, StoreKind
from ottla.streams.serdes import BYTES, Serde
from ottla.streams.serdes.subscriptions import SubscriptionAnswerSerde, SubscriptionSerde

FK = "KTABLE-FK-JOIN-"
REGISTRATION = FK + "SUBSCRIPTION-REGISTRATION-"
RESPONSE = FK + "SUBSCRIPTION-RESPONSE-"
PROCESSOR = FK + "SUBSCRIPTION-PROCESSOR-"
RESOLVER = FK + "SUBSCRIPTION-RESPONSE-RESOLVER-PROCESSOR-"
OUTPUT = FK + "OUTPUT-"
STATE = FK + "SUBSCRIPTION-STATE-STORE-"
SINK = "KTABLE-SINK-"
SOURCE = "KTABLE-SOURCE-"
TOPIC = "-topic"


class InternalTopicNode(GraphNode):
    """Declares an internal topic before what writes to it."""

    def write(self, writer: Any) -> None:
        writer.add_internal_topic(self.name, None)


class ForeignKeyJoin:
    def __init__(
        self,
        left: KTable[Any, Any],
        right: KTable[Any, Any],
        kind: plan.JoinKind,
        joiner: Any,
        on: Any,
        partitioner: Any,
        other_partitioner: Any,
        name: str | None,
    ) -> None:
        self.left = left
        self.right = right
        self.kind = kind
        self.joiner = Function.of(joiner, JOINED, what="join")
        self.extractor = Function.of(on, RECORD, what="on", values=left._value)
        self.partitioner = partitioner
        self.other_partitioner = other_partitioner
        self.name = name
        self.building = left._building
        default = self.building
        self.key = self._known(left._key or default.key, "key", left)
        self.value = self._known(left._value or default.value, "value", left)
        self.foreign_key = self._known(right._key or default.key, "key", right)
        self.foreign_value = self._known(right._value or default.value, "value", right)

    def _known(self, serde: Serde | None, what: str, table: KTable[Any, Any]) -> Serde:
        if serde is None:
            raise TopologyError(
                f"nothing says how the {what}s of {table._name} are written",
                hint=f"give {what}= where that table is made, or to Streams(…)",
            )
        return serde

    def _called(self, suffix: str, prefix: str) -> str:
        return self.building.name(self.name, prefix, suffix)

    def made(self, store: object, value: Serde | None) -> KTable[Any, Any]:
        building, left, right = self.building, self.left, self.right
        for read in (left, right):
            check_reads(read._table, f"the join of {left._name} and {right._name}")
        right._table.ask_old(True)
        left._table.ask_old(True)
        subscriptions = self._called("-subscription-registration", REGISTRATION) + TOPIC
        self._implicit(subscriptions)
        source = self._subscribe(subscriptions)
        receive, join, answers = self._right_side(subscriptions, source)
        sources, back = self._answer(answers, join, receive)
        view, names = left._table.view(), left._table.store_names()
        resolve = plan.ResponseJoin(view, self.value, self.joiner, self.kind, f"{subscriptions}-vh")
        resolver = ProcessorNode(
            self._called("-subscription-response-resolver", RESOLVER),
            operator=lambda: resolve,
            connected=lambda: names,
        )
        building.graph.add(back, resolver)
        label = self._called("-result", OUTPUT)
        kept = Materialized.of(building, store, OUTPUT, key=self.key, value=value)
        table = SourceTable(lambda: kept.key_value(building), is_kept=kept.queryable)
        node = ProcessorNode(
            label, versioned=kept.is_versioned, operator=table.operator, stores=table.stores
        )
        building.graph.add(resolver, node)
        return KTable(building, label, node, sources, self.key, kept.spec.value, table)

    def _implicit(self, name: str) -> None:
        if self.name is None:
            self.building.implicit.append(name)

    def _subscribe(self, topic: str) -> SourceNode:
        """The left side: changes become subscriptions, through a topic to the right side."""
        building, marked = self.building, list[str]()
        send = ProcessorNode(
            self._called("-subscription-registration-processor", REGISTRATION),
            operator=lambda: plan.SubscriptionSend(
                self.extractor, self.foreign_key, self.value, self.kind, bool(marked),
                f"{topic}-fk", f"{topic}-vh",
            ),
            mark_versioned=marked.append,
        )  # fmt: skip
        building.graph.add(building.graph.root, InternalTopicNode(topic))
        building.graph.add(self.left._node, send)
        serde = SubscriptionSerde(self.key)
        sink = SinkNode(
            self._called("-subscription-registration-sink", SINK), topic=topic,
            key=self.foreign_key, value=serde, partitioner=self.other_partitioner,
        )  # fmt: skip
        building.graph.add(send, sink)
        source = SourceNode(
            self._called("-subscription-registration-source", SOURCE), topics=(topic,),
            key=self.foreign_key, value=serde,
        )  # fmt: skip
        building.graph.add(sink, source)
        building.copartition(self.right._sources, frozenset((source.name,)))
        return source

    def _right_side(self, topic: str, source: SourceNode) -> tuple[_Node, _Node, str]:
        """Subscriptions are kept, and read the table; the table's changes read them."""
        building, marked = self.building, list[str]()
        # Kafka's in memory always keep headers, those on disk only as the format says.
        headers = building.with_headers or building.in_memory
        store = Store(
            self._called("-subscription-store", STATE), StoreKind.SUBSCRIPTION, BYTES,
            SubscriptionSerde(self.key), timestamped=True, with_headers=headers,
            logs_headers=True, persistent=not building.in_memory,
        )  # fmt: skip
        self._implicit(store.name)
        keys = (self.foreign_key, self.key, f"{topic}-fk", f"{topic}-pk")
        receive_row = plan.SubscriptionReceive(store.name, *keys)
        receive = ProcessorNode(
            self._called("-subscription-receive", PROCESSOR),
            operator=lambda: receive_row,
            stores=lambda: (store,),
        )
        building.graph.add(source, receive)
        view, names = self.right._table.view(), self.right._table.store_names()
        join = ProcessorNode(
            self._called("-subscription-join-foreign", PROCESSOR),
            operator=lambda: plan.SubscriptionJoin(view),
            connected=lambda: names,
        )
        building.graph.add(receive, join)
        changes = ProcessorNode(
            self._called("-foreign-join-subscription", PROCESSOR),
            operator=lambda: plan.ForeignTableJoin(store.name, *keys, versioned=bool(marked)),
            stores=lambda: (store,),
            mark_versioned=marked.append,
        )
        building.graph.add(self.right._node, changes)
        answers = self._called("-subscription-response", RESPONSE) + TOPIC
        self._implicit(answers)
        building.graph.add(building.graph.root, InternalTopicNode(answers))
        return changes, join, answers

    def _answer(self, topic: str, join: _Node, changes: _Node) -> tuple[frozenset[str], SourceNode]:
        """Answers go back to the left side's partitions."""
        building = self.building
        serde = SubscriptionAnswerSerde(self.foreign_value)
        sink = SinkNode(
            self._called("-subscription-response-sink", SINK), topic=topic, key=self.key,
            value=serde, partitioner=self.partitioner,
        )  # fmt: skip
        building.graph.add(join, sink)
        building.graph.add(changes, sink)
        source = SourceNode(
            self._called("-subscription-response-source", SOURCE), topics=(topic,), key=self.key,
            value=serde,
        )  # fmt: skip
        building.graph.add(sink, source)
        sources = building.copartition(self.left._sources, frozenset((source.name,)))
        return sources, source
