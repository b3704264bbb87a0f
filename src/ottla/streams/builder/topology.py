"""An application of processors alone: Kafka's `Topology`, for who wants no streams and tables.

Every node is named, and parents come before their children, so there is nothing to number and
nothing to optimise: what is added here is what runs.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ottla.streams.builder.application import Application, checked_reset
from ottla.streams.builder.specs import (
    StoreSpec,
    checked_name,
    checked_topic,
    kinded,
    spec_of,
)
from ottla.streams.builder.stream import serde_of
from ottla.streams.builder.suppliers import check_supplier, stores_of
from ottla.streams.builder.writer import Writer
from ottla.streams.errors import TopologyError
from ottla.streams.plan.functions import Function
from ottla.streams.plan.operators import Process
from ottla.streams.plan.topology import Topology as Plan


class Topology(Application):
    """Sources, processors, stores and sinks, each by its name.

    >>> app = Topology("words", key=str, value=str)
    >>> app.add_source("lines", "text")
    >>> app.add_processor("split", Splitter, "lines")
    >>> app.add_store(key_value("counts", key=str, value=int), "split")
    >>> app.add_sink("out", "counted", "split", value=int)
    """

    _writer: Writer | None = None

    def _open(self) -> Writer:
        if self._topology is not None:
            raise TopologyError(
                "the topology is built, and nothing can be added to it",
                hint="add everything before build(), describe() or the test driver",
            )
        if self._writer is None:
            self._writer = Writer(self._key, self._value)
        return self._writer

    def add_source(
        self,
        name: str,
        *topics: str | re.Pattern[str],
        key: object = None,
        value: object = None,
        timestamp: Callable[..., int] | None = None,
        reset: str | None = None,
    ) -> None:
        """Records of topics, or of all that one pattern matches; `timestamp` as `Streams.stream`'s.

        Raises:
            TopologyError: the name or a topic is taken, or no topic is given.
        """
        names = tuple(checked_topic(each) for each in topics if isinstance(each, str))
        patterns = [each for each in topics if isinstance(each, re.Pattern)]
        if len(patterns) > 1 or bool(names) == bool(patterns):
            raise TopologyError(
                f"the source {name} reads topics or one pattern, not {topics!r}",
                hint='app.add_source("orders", "orders-eu", "orders-us")',
            )
        self._open().add_source(
            checked_name(name), names, patterns[0] if patterns else None, serde_of(key),
            serde_of(value), timestamp, checked_reset(reset),
        )  # fmt: skip

    def add_processor(self, name: str, supplier: Callable[[], Any], *parents: str) -> None:
        """A `Processor` of yours below its parents; `supplier` as `KStream.process` takes it.

        Raises:
            TopologyError: the name is taken, or a parent was not added before.
        """
        check_supplier(supplier, "add_processor")
        writer = self._open()
        self._known(name, parents)
        writer.add_processor(checked_name(name), Process(supplier), parents, stores_of(supplier))

    def add_sink(
        self,
        name: str,
        topic: str | Callable[..., str],
        *parents: str,
        key: object = None,
        value: object = None,
        partitioner: Callable[..., Any] | None = None,
    ) -> None:
        """What the parents forward, to a topic, or to the one that a function names for a record.

        Raises:
            TopologyError: the name is taken, or a parent was not added before.
        """
        fixed = checked_topic(topic) if isinstance(topic, str) else None
        offered = ("key", "value", "context")
        extractor = (
            None if fixed is not None else Function.of_record(topic, offered, what="add_sink")
        )
        self._known(name, parents)
        self._open().add_sink(
            checked_name(name), fixed, extractor, serde_of(key), serde_of(value), partitioner,
            parents,
        )  # fmt: skip

    def add_store(self, spec: StoreSpec | str, *processors: str) -> str:
        """A store, and the processors that may reach it; its name comes back."""
        writer = self._open()
        row = kinded(spec_of(spec) or StoreSpec()).row()
        writer.add_store(row)
        self.connect(row.name, *processors)
        return row.name

    def connect(self, store: str, *processors: str) -> None:
        """Let more processors reach a store."""
        for processor in processors:
            self._processor(processor)
            self._open().connect(processor, (store,))

    def add_global_store(
        self,
        spec: StoreSpec | str,
        source: str,
        topic: str,
        processor: str,
        supplier: Callable[[], Any],
        *,
        key: object = None,
        value: object = None,
        timestamp: Callable[..., int] | None = None,
    ) -> str:
        """A store that every task has whole: `processor` fills it with what `source` reads."""
        check_supplier(supplier, "add_global_store")
        row = kinded(spec_of(spec) or StoreSpec()).row()
        self._open().add_global(
            checked_name(source), checked_topic(topic), serde_of(key), serde_of(value), timestamp,
            checked_name(processor), Process(supplier), (row,),
        )  # fmt: skip
        return row.name

    def add_read_only_store(
        self,
        spec: StoreSpec | str,
        source: str,
        topic: str,
        processor: str,
        supplier: Callable[[], Any],
        *,
        key: object = None,
        value: object = None,
        timestamp: Callable[..., int] | None = None,
    ) -> str:
        """A store whose changelog is a topic that others write: `processor` keeps it up to date.

        Connect it to who reads it; what they must not do is write to it.
        """
        check_supplier(supplier, "add_read_only_store")
        writer = self._open()
        row = kinded(spec_of(spec) or StoreSpec()).row()
        writer.add_source(
            checked_name(source), (checked_topic(topic),), None, serde_of(key), serde_of(value),
            timestamp, None,
        )  # fmt: skip
        kept = replace(row, logged=False, changelog_topic=topic)
        writer.add_processor(checked_name(processor), Process(supplier), (source,), (kept,))
        return row.name

    def _known(self, name: str, parents: tuple[str, ...]) -> None:
        writer = self._open()
        for parent in parents:
            if parent not in writer.parents or parent in writer.sinks:
                there = ", ".join(known for known in writer.parents if known not in writer.sinks)
                raise TopologyError(
                    f"{name} names the parent {parent}, and there is {there or 'nothing yet'}",
                    hint="add sources and processors before what stands below them",
                )
        if not parents:
            raise TopologyError(f"{name} has no parent", hint="name a source or a processor")

    def _processor(self, name: str) -> None:
        nodes = self._open().nodes
        if name not in nodes:
            raise TopologyError(
                f"there is no processor {name}",
                hint=f"there is {', '.join(nodes) or 'none yet'}",
            )

    def _built(self) -> Plan:
        writer = self._open()
        if not writer.sources:
            raise TopologyError(
                "the topology reads no topic", hint='begin with app.add_source("name", "topic")'
            )
        return writer.topology()
