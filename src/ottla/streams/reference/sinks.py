"""The end of a topology: a record's bytes for a topic of Kafka."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ottla.streams.execution import Headers
from ottla.streams.plan.topology import Sink as SinkRow
from ottla.streams.plan.topology import Topology
from ottla.streams.processors import RecordContext
from ottla.streams.reference.codec import checked, reads_headers, writer
from ottla.streams.reference.failures import Failures
from ottla.streams.reference.operator import Operator, Wiring, bind
from ottla.streams.reference.owning import of_its_own


class Sink(Operator):
    """Writes to one topic, or to the one that a function names for each record."""

    def __init__(
        self, row: SinkRow, wiring: Wiring, topology: Topology, failures: Failures
    ) -> None:
        super().__init__(wiring)
        self.row = row
        self.failures = failures
        app_id = wiring.context.settings.app_id
        self.topic = None if row.topic is None else topology.topic_name(row.topic, app_id)
        self.extractor: Callable[[Any, Any, Any], Any] | None = None
        if row.extractor is not None:
            self.extractor = bind(row.extractor, ("key", "value", "context"))
        self.adds_headers = reads_headers(row.key) or reads_headers(row.value)
        self.key_serde, self.value_serde = row.key.as_key(), row.value
        if self.topic is not None and not self.adds_headers and row.partitioner is None:
            self.write_key = writer(row.key, self.topic, is_key=True)
            self.write_value = writer(row.value, self.topic)
            self.process = self.process_plainly  # type: ignore[method-assign]

    def process_plainly(self, key: Any, value: Any, timestamp: int, headers: Headers) -> None:
        """As `process`, where nothing depends on the record but its bytes."""
        try:
            data = self.write_key(key), self.write_value(value)
        except Exception as error:
            self.failures.in_writing(self.wiring.node, error)
            return
        context = self.context
        context.raw_key = context.raw_value = None
        context.produce(self.topic, *data, timestamp, headers)  # type: ignore[arg-type]

    def process(self, key: Any, value: Any, timestamp: int, headers: Headers) -> None:
        context, topic = self.context, self.topic
        if self.extractor is not None:
            told = RecordContext(
                context.topic, context.partition, context.offset, timestamp, headers
            )
            topic = str(self.extractor(key, value, told))
        assert topic is not None
        for partition in self.partitions(topic, key, value):
            added = list(headers)
            try:
                raw_key = self.key_serde.serialize(key, topic, added)
                raw_value = self.value_serde.serialize(value, topic, added)
                checked(self.key_serde, raw_key, topic)
                checked(self.value_serde, raw_value, topic)
            except Exception as error:
                self.failures.in_writing(self.wiring.node, error)
                continue
            if self.adds_headers:
                headers = tuple(added)
            context.raw_key = context.raw_value = None
            context.produce(topic, raw_key, raw_value, timestamp, headers, partition)

    def partitions(self, topic: str, key: Any, value: Any) -> list[int | None]:
        """Where the record goes: one place, or several; None leaves it to the producer."""
        if self.row.partitioner is None:
            return [None]
        count = self.context.settings.partitions
        chosen = self.row.partitioner(
            topic, of_its_own(key), of_its_own(value), 1 if count is None else count(topic)
        )
        if chosen is None or isinstance(chosen, int):
            return [chosen]
        places: list[int | None] = sorted(chosen)
        if not places:
            self.skip("its partitioner chose no partition")
        return places
