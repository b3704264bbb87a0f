"""Writes the logical graph down as a plan, in the order in which Kafka adds processors; checks it.

Two nodes or stores of one name, a store that nobody added, a topic that is read twice in ways that
do not agree: said here, by name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from operator import index
from typing import Any, SupportsIndex

from ottla.streams.builder.building import REPARTITION
from ottla.streams.builder.specs import checked_topic, shown
from ottla.streams.errors import ProcessingError, TopologyError
from ottla.streams.plan import operators as plan
from ottla.streams.plan.callables import check_plain, name_of
from ottla.streams.plan.functions import Function, positional_parameters
from ottla.streams.plan.operators import Operator, StreamTableJoin
from ottla.streams.plan.stores import Store, StoreKind
from ottla.streams.plan.topology import InternalTopic, Node, Sink, Source, Topology
from ottla.streams.processors import RecordContext
from ottla.streams.serdes import Serde
from ottla.streams.serdes.changed import ChangedSerde


class Writer:
    """Takes sources, processors, sinks and stores one by one; `topology()` is what came of them."""

    def __init__(self, key: Serde | None, value: Serde | None) -> None:
        self.default_key = key
        self.default_value = value
        self.sources: dict[str, Source] = {}
        self.nodes: dict[str, Node] = {}
        self.sinks: dict[str, Sink] = {}
        self.stores: dict[str, Store] = {}
        #: As operators gave them; one store is one row, by identity.
        self._rows: dict[str, Store] = {}
        self.internal: dict[str, InternalTopic] = {}
        self.parents: dict[str, tuple[str, ...]] = {}
        self._children: dict[str, list[str]] = {}
        self._readers: dict[str, str] = {}
        #: Of source nodes' names.
        self.copartitioned: list[set[str]] = []

    # ------------------------------------------------------------ serdes
    def key_serde(self, given: Serde | None, where: str, told: str) -> Serde:
        found = given or self.default_key
        if found is None:
            raise _no_serde("key", where, told)
        return found.as_key()

    def value_serde(self, given: Serde | None, where: str, told: str) -> Serde:
        found = given or self.default_value
        if found is None:
            raise _no_serde("value", where, told)
        return found

    def resolved(self, store: Store) -> Store:
        """A store row whose serdes are known: given, or the application's."""
        key = store.key if store.key is not None else self.default_key
        value = store.value if store.value is not None else self.default_value
        where = f"in the store {store.name} are written"
        if key is None:
            raise _no_serde("key", where, _keeper(store))
        if value is None:
            raise _no_serde("value", where, _keeper(store), _keyword(store))
        return replace(store, key=key.as_key(), value=value)

    # ------------------------------------------------------------ what there is
    def add_source(
        self,
        name: str,
        topics: tuple[str, ...],
        pattern: Any,
        key: Serde | None,
        value: Serde | None,
        timestamp: Any,
        reset: str | None,
        *,
        is_global: bool = False,
    ) -> None:
        self._new(name, ())
        for topic in topics:
            if topic in self._readers:
                raise TopologyError(
                    f"the topic {topic} is read by {self._readers[topic]} and by {name}",
                    hint="read it once and use the stream or the table several times",
                )
            self._readers[topic] = name
        self._check_patterns(name, topics, pattern)
        where = f"of the topic {' and '.join(topics) or pattern.pattern} are read"
        told = f'what reads there: app.stream("{topics[0] if topics else "…"}", …)'
        self.sources[name] = Source(
            name, topics, pattern, self.key_serde(key, where, told),
            self.value_serde(value, where, told), (),
            checked_extractor(timestamp, name), reset, is_global,
        )  # fmt: skip

    def _check_patterns(self, name: str, topics: tuple[str, ...], pattern: Any) -> None:
        """Refuse a topic that another source's pattern matches, whichever came first."""
        for other, source in self.sources.items():
            known, by = source.pattern, topics
            if pattern is not None:
                known, by = pattern, () if source.is_global else source.topics
            for topic in by:
                if known is not None and known.fullmatch(topic):
                    raise TopologyError(
                        f"the topic {topic} is read by {other} and by {name}, of which one has "
                        "a pattern",
                        hint="let the pattern match no topic that is read by its name",
                    )

    def add_processor(
        self, name: str, operator: Operator, parents: tuple[str, ...], stores: Iterable[Store]
    ) -> None:
        self._new(name, parents)
        self.nodes[name] = Node(name, operator)
        for store in stores:
            self.add_store(store)
            self.connect(name, (store.name,))

    def add_sink(
        self,
        name: str,
        topic: str | None,
        extractor: Function | None,
        key: Serde | None,
        value: Serde | None,
        partitioner: Any,
        parents: tuple[str, ...],
    ) -> None:
        self._new(name, parents)
        chosen = None if extractor is None else naming_topics(extractor, name)
        where, told = self._written(topic, parents)
        self.sinks[name] = Sink(
            name, topic, chosen, self.key_serde(key, where, told),
            self.value_serde(value, where, told), choosing_partitions(partitioner, name),
        )  # fmt: skip

    def _written(self, topic: str | None, parents: tuple[str, ...]) -> tuple[str, str]:
        """Where a sink writes and what comes there, and what the user wrote that may say how."""
        made = {type(self.nodes[each].operator) for each in parents if each in self.nodes}
        of = sorted(OPERATORS[each] for each in made if each in OPERATORS)
        where = f"of {' and '.join(of)} that go" if of else "that go"
        if topic is None:
            return f"{where} to topics that a function chooses are written", "to(…)"
        if topic in self.internal or topic.endswith(REPARTITION):
            told = "the operator that groups; to a join: key=, this_value=, other_value="
            return f"{where} through the topic {topic} are written", told
        return f"{where} to the topic {topic} are written", f'to("{topic}", …)'

    def add_changes(
        self,
        sink: str,
        source: str,
        topic: str,
        key: Serde | None,
        value: Serde | None,
        parents: tuple[str, ...],
    ) -> None:
        """A table's changes through a topic."""
        changes = ChangedSerde(self.value_serde(value, *self._written(topic, parents)))
        self.add_sink(sink, topic, None, key, changes, None, parents)
        self.add_source(source, (topic,), None, key, changes, None, None)

    def add_global(
        self,
        source: str,
        topic: str,
        key: Serde | None,
        value: Serde | None,
        timestamp: Any,
        processor: str,
        operator: Operator,
        stores: Iterable[Store],
    ) -> None:
        self.add_source(source, (topic,), None, key, value, timestamp, None, is_global=True)
        self._new(processor, (source,))
        self.nodes[processor] = Node(processor, operator)
        for store in stores:
            if store.name in self.stores:
                raise _two_stores(store.name)
            row = replace(self.resolved(store), is_global=True, logged=False)
            self.stores[store.name] = row
            self._connect(processor, store.name)

    def add_internal_topic(self, name: str, partitions: int | None) -> None:
        self.internal[name] = InternalTopic(name, partitions)

    def add_store(self, store: Store) -> None:
        """The same store may come again from another operator that shares it; an equal one may not,
        since two tables that keep their rows in one store would each see the other's."""
        known = self._rows.setdefault(store.name, store)
        if known is not store or self._is_global(store.name):
            raise _two_stores(store.name)
        self.stores[store.name] = self.resolved(store)

    def _is_global(self, name: str) -> bool:
        return name in self.stores and self.stores[name].is_global

    def connect(self, node: str, stores: Iterable[str]) -> None:
        for store in stores:
            known = self.stores.get(store)
            if known is None:
                raise TopologyError(
                    f"{node} is to use the store {store}, which nobody added",
                    hint="add it with add_store before the processor",
                )
            if known.is_global:
                raise TopologyError(
                    f"{node} names the global store {store}",
                    hint="every processor reaches global stores without naming them",
                )
            self._connect(node, store)

    def _connect(self, node: str, store: str) -> None:
        row = self.nodes[node]
        if store not in row.stores:
            self.nodes[node] = replace(row, stores=(*row.stores, store))

    def without_changelog(self, store: Store, topic: str) -> Store:
        """The store of a table whose own topic is its changelog."""
        return replace(store, logged=False, changelog_topic=topic)

    def _new(self, name: str, parents: tuple[str, ...]) -> None:
        if name in self.parents:
            raise TopologyError(
                f"two nodes are called {name}", hint="give one of them another name="
            )
        self.parents[name] = parents
        self._children[name] = []
        for parent in parents:
            if parent not in self._children or parent == name:
                raise TopologyError(f"{name} comes before its parent {parent}: there is a cycle")
            self._children[parent].append(name)

    # ------------------------------------------------------------ the whole
    def topology(self) -> Topology:
        self._check_graces()
        children = {name: tuple(found) for name, found in self._children.items()}
        return Topology(
            {n: replace(row, children=children[n]) for n, row in self.sources.items()},
            {n: replace(row, children=children[n]) for n, row in self.nodes.items()},
            self.sinks,
            self.stores,
            self.internal,
            self.parents,
            self._copartitioned_topics(),
        )

    def _check_graces(self) -> None:
        """A join that waits for late changes reads a table's past, which its stores must keep."""
        for name, node in self.nodes.items():
            join = node.operator
            if not isinstance(join, StreamTableJoin) or join.grace_ms is None:
                continue
            for store in (self.stores[each] for each in node.stores if each != join.buffer):
                if store.kind is not StoreKind.VERSIONED:
                    raise TopologyError(
                        f"{name} waits for late changes, and {store.name} is not versioned",
                        hint='store=versioned("name", history=…) for its table, or no grace=',
                    )
                if store.history_retention_ms < join.grace_ms:
                    raise TopologyError(
                        f"{name} waits {join.grace_ms} ms for late changes, and {store.name} "
                        f"keeps {store.history_retention_ms} ms of history",
                        hint="history= is at least the join's grace",
                    )

    def _copartitioned_topics(self) -> tuple[frozenset[str], ...]:
        groups = []
        for names in self.copartitioned:
            known = [self.sources[name] for name in names if name in self.sources]
            topics = frozenset(topic for source in known for topic in source.topics)
            if len(topics) > 1:
                groups.append(topics)
                self._check_partitions(topics)
        return tuple(groups)

    def _check_partitions(self, topics: frozenset[str]) -> None:
        counts = {
            topic: self.internal[topic].partitions
            for topic in sorted(topics)
            if topic in self.internal and self.internal[topic].partitions is not None
        }
        if len(set(counts.values())) > 1:
            said = ", ".join(f"{topic} has {count}" for topic, count in counts.items())
            raise TopologyError(
                f"topics that are joined must have the same number of partitions: {said}",
                hint="give repartition() the same number on both sides",
            )


#: What a user calls the operators after which serdes are not known any more.
OPERATORS: dict[type[Operator], str] = {
    plan.Map: "map()", plan.MapValues: "map_values()", plan.FlatMap: "flat_map()",
    plan.FlatMapValues: "flat_map_values()", plan.SelectKey: "select_key()",
    plan.Process: "process()", plan.StreamTableJoin: "join()", plan.StreamGlobalJoin: "join()",
    plan.StreamStreamJoin: "join()", plan.StreamSelfJoin: "join()",
}  # fmt: skip


def _no_serde(word: str, where: str, told: str, keyword: str | None = None) -> TopologyError:
    return TopologyError(
        f"nothing says how the {word}s {where}",
        hint=f"give {keyword or word + '='} to {told}, or once for all to Streams(…, {word}=…): "
        "str, int, a Serde …",
    )


def _keeper(store: Store) -> str:
    """The user's operator whose `key=` or `value=` a store lacks."""
    if store.kind is StoreKind.GRACE_BUFFER or store.retain_duplicates:
        return "the join"
    if store.kind is StoreKind.SUPPRESS_BUFFER:
        return "what is before suppress()"
    return "the operator that keeps it"


def _keyword(store: Store) -> str | None:
    """How a join calls the serde of what it keeps of its sides; its `value=` is the result's."""
    if store.kind is StoreKind.GRACE_BUFFER:
        return "this_value="
    return "this_value= (other_value= of the other side)" if store.retain_duplicates else None


def naming_topics(extractor: Function, sink: str) -> Function:
    """A sink's function whose results are names that a topic can have, in every executor.

    It raises a ProcessingError for any other result, so the record fails in processing, as the
    record without a topic does in Kafka. An expression becomes a function, so that it is held to
    the same.
    """
    chosen, arguments = extractor.call, extractor.arguments
    if extractor.expression is not None:
        arguments = ("key", "value", "context")

        def chosen(key: Any, value: Any, context: RecordContext) -> Any:
            return extractor.call(key, value, context.timestamp, context.headers)

    def topic(*given: Any) -> str:
        found = chosen(*given)
        try:
            return checked_topic(found)
        except TopologyError as refused:
            raise ProcessingError(
                f"{extractor.name} of {sink} chose no topic: {refused}", hint=refused.hint
            ) from None

    return Function(topic, arguments, None, extractor.name)


def choosing_partitions(partitioner: Any, sink: str) -> Callable[..., Any] | None:
    """A sink's partitioner whose results are None, a partition, or a list of them.

    It raises a ProcessingError for any other result, so the record fails, in every executor alike.

    Raises:
        TopologyError: it is no function that Streams can call.
    """
    if partitioner is None:
        return None
    if not callable(partitioner):
        raise TopologyError(
            f"partitioner= of {sink} takes a function, not {shown(partitioner)}",
            hint="give lambda topic, key, value, partitions: …",
        )
    check_plain(partitioner, f"partitioner= of {sink}")
    name = name_of(partitioner)

    def chosen(*given: Any) -> int | list[int] | None:
        found = partitioner(*given)
        if found is None:
            return None
        try:
            if type(found) is int or isinstance(found, SupportsIndex):
                return _partition(found)
            return sorted(_partition(each) for each in found)
        except (TypeError, ValueError):
            raise ProcessingError(
                f"{name} of {sink} chose no partition: {shown(found)}",
                hint="return a partition, from 0 on, several of them, or None to let the producer "
                "choose",
            ) from None

    return chosen


def _partition(given: Any) -> int:
    number = index(given)
    if not 0 <= number < 2**31:
        raise ValueError
    return number


#: What a timestamp extractor is called with.
EXTRACTED = (
    "topic", "partition", "offset", "timestamp", "key", "value", "headers", "partition_time",
)  # fmt: skip


def checked_extractor(given: Any, source: str) -> Any:
    """The timestamp extractor of a source.

    Raises:
        TopologyError: it is no function, or takes other parameters.
    """
    if given is None:
        return None
    hint = f"give lambda {', '.join(EXTRACTED)}: value['at']"
    if not callable(given):
        raise TopologyError(f"timestamp= of {source} takes a function, not {given!r}", hint=hint)
    check_plain(given, f"timestamp= of {source}")
    count = positional_parameters(given, len(EXTRACTED))
    if count != len(EXTRACTED):
        raise TopologyError(
            f"timestamp= of {source} calls its function with ({', '.join(EXTRACTED)}), "
            f"but {name_of(given)} takes {count} parameters",
            hint=hint,
        )
    return given


def _two_stores(name: str) -> TopologyError:
    return TopologyError(f"two stores are called {name}", hint="give one of them another name")
