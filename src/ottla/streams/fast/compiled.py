"""A plan as the core reads it: a tree of dicts, lists, texts, numbers, and the objects beside it.

Every row of the plan becomes a dict of its fields under their own names and `is`, the row's class.
What only Python can do becomes a number: functions, serdes of the host, suppliers of processors
stand in lists of `Compiled` and the tree says their places. So an operator is added in the plan and
in the core, and nothing here changes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from enum import Enum
from typing import Any

from ottla.streams.execution import Settings
from ottla.streams.fast.stack import check_stack
from ottla.streams.plan.functions import Function
from ottla.streams.plan.operators import Process, TableTransformValues
from ottla.streams.plan.topology import Node, Sink, Source, Topology
from ottla.streams.serdes import BYTES, Serde
from ottla.streams.serdes.changed import ChangedSerde
from ottla.streams.serdes.join_sides import JoinSideKeySerde, JoinSideValueSerde
from ottla.streams.serdes.subscriptions import SubscriptionAnswerSerde, SubscriptionSerde

#: What stands in the tree for an object is `{"host": its place in the list}`.
Tree = None | bool | int | float | str | bytes | list["Tree"] | dict[str, "Tree"]


@dataclass(slots=True)
class Compiled:
    """The tree and the objects that it names by their places."""

    tree: dict[str, Tree] = field(default_factory=dict)
    functions: list[Callable[..., Any]] = field(default_factory=list)
    serdes: list[Serde] = field(default_factory=list)
    #: Rows whose supplier makes a processor, and the names of their nodes.
    suppliers: list[Process | TableTransformValues] = field(default_factory=list)
    supplied_nodes: list[str] = field(default_factory=list)
    extractors: list[Callable[..., int]] = field(default_factory=list)
    partitioners: list[Callable[..., Any]] = field(default_factory=list)
    #: Places of sources that read a pattern, and the pattern.
    patterns: list[tuple[int, re.Pattern[str]]] = field(default_factory=list)
    global_stores: frozenset[str] = frozenset()
    global_nodes: frozenset[str] = frozenset()
    #: Whether Python is asked while records run.
    asks_python: bool = False

    def _place(self, objects: list[Any], given: object) -> int:
        for place, known in enumerate(objects):
            if known is given:
                return place
        objects.append(given)
        return len(objects) - 1

    def row(self, given: object) -> Tree:
        """One value of the plan as a branch of the tree."""
        match given:
            case Enum():
                return str(given.value)
            case None | bool() | int() | float() | str() | bytes():
                return given
            case Function():
                return self._function(given)
            case Serde():
                return self._serde(given)
            case re.Pattern():
                return str(given.pattern)
            case Process() | TableTransformValues():
                return self._supplied(given)
            case Mapping():
                return {str(name): self.row(each) for name, each in given.items()}
            case tuple() | list():
                return [self.row(each) for each in given]
            case frozenset():
                return [self.row(each) for each in sorted(given)]
            case _ if is_dataclass(given) and not isinstance(given, type):
                found: dict[str, Tree] = {"is": type(given).__name__}
                for each in fields(given):
                    found[each.name] = self.row(getattr(given, each.name))
                return found
        raise TypeError(f"the core has no row for {given!r}")

    def _function(self, given: Function) -> Tree:
        expression = None
        if given.expression is not None:
            expression = self.rows(given.expression.rows())
        else:
            self.asks_python = True
        batch = None
        if given.batch is not None:  # a number of its own for each place where it is called
            batch = len(self.functions)
            self.functions.append(given.batch)
        return {
            "call": self._place(self.functions, given.call),
            "arguments": list(given.arguments),
            "expression": expression,
            "batch": batch,
        }

    def rows(self, given: object) -> Tree:
        """An expression's rows: tuples become lists, the rest stands as it is."""
        if isinstance(given, tuple | list):
            return [self.rows(each) for each in given]
        return self.row(given)

    def _serde(self, given: Serde) -> Tree:
        """A native serde has a number too: an object of the host is written by the host.

        What only wraps another serde is known to the core by where it stands, so the inner one is
        named.
        """
        match given:
            case ChangedSerde():
                return self._serde(given.inner)
            case JoinSideKeySerde():
                return self._serde(given.key)
            case SubscriptionSerde():
                return self._serde(given.primary_key)
            case SubscriptionAnswerSerde():
                return self._serde(given.foreign_value)
            case JoinSideValueSerde():
                return self._serde(BYTES)
        native = None if given.native is None else self.rows(given.native)
        self.asks_python |= native is None
        return {"host": self._place(self.serdes, given), "native": native}

    def _supplied(self, given: Process | TableTransformValues) -> Tree:
        found: dict[str, Tree] = {"is": type(given).__name__}
        for each in fields(given):
            if each.name == "supplier":
                self.suppliers.append(given)  # each node has a processor of its own
                found["supplier"] = {"processor": len(self.suppliers) - 1}
            else:
                found[each.name] = self.row(getattr(given, each.name))
        self.asks_python = True
        return found

    def node(self, given: Node) -> Tree:
        before = len(self.suppliers)
        row = self.row(given)
        self.supplied_nodes += [given.name] * (len(self.suppliers) - before)
        return row

    def source(self, given: Source) -> Tree:
        row = self._without(given, "timestamp_extractor")
        if given.timestamp_extractor is not None:
            self.asks_python = True
            place = self._place(self.extractors, given.timestamp_extractor)
            row["timestamp_extractor"] = {"extractor": place}
        return row

    def sink(self, given: Sink) -> Tree:
        row = self._without(given, "partitioner")
        if given.partitioner is not None:
            self.asks_python = True
            place = self._place(self.partitioners, given.partitioner)
            row["partitioner"] = {"partitioner": place}
        return row

    def _without(self, given: Source | Sink, left_out: str) -> dict[str, Tree]:
        found: dict[str, Tree] = {"is": type(given).__name__}
        for each in fields(given):
            if each.name != left_out:
                found[each.name] = self.row(getattr(given, each.name))
        return found


def compiled(topology: Topology, settings: Settings) -> Compiled:
    """The tree of a topology, and the objects beside it.

    Raises:
        TopologyError: too many operators stand below one another.
    """
    check_stack(topology)
    found = Compiled()
    tree = found.tree
    tree["sources"] = [found.source(each) for each in topology.sources.values()]
    tree["nodes"] = [found.node(each) for each in topology.nodes.values()]
    tree["sinks"] = [found.sink(each) for each in topology.sinks.values()]
    tree["stores"] = [found.row(each) for each in topology.stores.values()]
    tree["internal_topics"] = [found.row(each) for each in topology.internal_topics.values()]
    tree["settings"] = {
        "app_id": settings.app_id,
        "dead_letter_topic": settings.dead_letter_topic,
        "emit_interval_ms": settings.emit_interval_ms,
        "loop_back": settings.loop_back,
        "keeps_raw": bool(settings.dead_letter_topic or settings.processing_handler),
    }
    found.patterns = [
        (place, source.pattern)
        for place, source in enumerate(topology.sources.values())
        if source.pattern is not None
    ]
    stores = topology.stores.values()
    found.global_stores = frozenset(store.name for store in stores if store.is_global)
    found.global_nodes = frozenset(
        child
        for source in topology.sources.values()
        if source.is_global
        for child in source.children
    )
    return found
