"""The record at hand, the two clocks, and everything that was produced: what one task's operators
share.

The context's time and headers are those of the record that the running operator was given: an
operator that forwards with another time goes through `Operator.forward_at`, which sets both and
puts them back. Stores write changelog records with them where the value itself carries no time.
"""

from __future__ import annotations

import logging
from collections import Counter
from typing import Any

from ottla.streams.execution import Headers, Produced, Settings, Skipped

log = logging.getLogger("ottla.streams")

#: No record was seen yet; also the offset and partition of what no record caused.
UNKNOWN = -1


class Context:
    """State of a task that is not in stores. Times are ms since the epoch."""

    __slots__ = (
        "at_work",
        "cause",
        "commit_requested",
        "headers",
        "now",
        "offset",
        "partition",
        "produced",
        "raw_key",
        "raw_value",
        "settings",
        "skipped",
        "stream_time",
        "timestamp",
        "topic",
    )

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        #: The time and headers of the record that the running operator was given.
        self.timestamp = UNKNOWN
        self.headers: Headers = ()
        #: Where the source's record came from; None and -1 in punctuations.
        self.topic: str | None = None
        self.partition = UNKNOWN
        self.offset = UNKNOWN
        self.raw_key: bytes | None = None
        self.raw_value: bytes | None = None
        #: The wall clock, and the highest record time that the task has taken from its queues.
        self.now = 0
        self.stream_time = UNKNOWN
        #: The place in the batch of the record that causes what is produced now.
        self.cause = UNKNOWN
        self.produced: list[Produced] = []
        self.skipped: Counter[Skipped] = Counter()
        self.commit_requested = False
        #: Whether records or clocks run: only then processors may forward.
        self.at_work = False

    def record(self) -> tuple[Any, ...]:
        """Everything about the record at hand, to be put back with `set_record`."""
        return (
            self.timestamp, self.headers, self.topic, self.partition, self.offset,
            self.raw_key, self.raw_value,
        )  # fmt: skip

    def set_record(self, record: tuple[Any, ...]) -> None:
        """(timestamp, headers, topic, partition, offset, raw key, raw value)"""
        (
            self.timestamp, self.headers, self.topic, self.partition, self.offset,
            self.raw_key, self.raw_value,
        ) = record  # fmt: skip

    def produce(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        timestamp: int,
        headers: Headers = (),
        partition: int | None = None,
    ) -> None:
        """Note a record for a topic of Kafka, by its full name."""
        # As `Produced(...)`, at half the cost: this is what a task does most.
        made = tuple.__new__(
            Produced, (self.cause, topic, key, value, timestamp, headers, partition)
        )
        self.produced.append(made)

    def skip(self, node: str, reason: str) -> None:
        """Count a record that an operator leaves out; the first of each is a warning in the log."""
        row = Skipped(node, reason)
        self.skipped[row] += 1
        if self.skipped[row] == 1:
            log.warning(
                "%s skips a record (%s): topic %s, partition %d, offset %d; more are only counted",
                node, reason, self.topic, self.partition, self.offset,
            )  # fmt: skip
