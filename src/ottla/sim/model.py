"""What the clients know of the cluster: all that was promised to them, and all that they have seen.

Clients and audits tell it, invariants ask it. It holds no opinion of its own: what must be so is in
`invariants/`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import Enum
from itertools import count
from typing import Any, NamedTuple

from ottla.wire.records import MARKER_COMMIT, Batch, control_kind

NO_FLOOR = 0
TRANSACTIONAL = "t-"
"""What the names of transactions begin with."""
MARKER = "marker-"
"""What stands in the place of a writer for the end of a transaction."""


class Wrote(NamedTuple):
    """One record as it was sent: whose it is, and which of theirs."""

    producer: str
    number: int

    def value(self) -> bytes:
        """The record's value, which no other record has."""
        return f"{self.producer}:{self.number}".encode().ljust(60, b".")


def wrote(value: bytes) -> Wrote:
    """Who wrote that."""
    producer, _, number = value.rstrip(b".").decode().rpartition(":")
    return Wrote(producer, int(number))


def is_commit(batch: Batch) -> bool:
    """Whether a control batch commits; else it aborts, or is what compaction left of one."""
    return bool(batch.records) and control_kind(batch.records[0]) == MARKER_COMMIT


def values(batch: Batch) -> list[tuple[int, bytes]]:
    """Offset and value of each record; of a marker the value says whose end it is, and how."""
    if batch.is_control:
        if not batch.records:
            return []
        how = "commit" if is_commit(batch) else "abort"
        who = f"{MARKER}{how}-{batch.producer_id}-{batch.producer_epoch}"
        return [(batch.base_offset, f"{who}:0".encode())]
    return [(record.offset, record.value or b"") for record in batch.records]


def writers(batch: Batch) -> set[str]:
    """Whose records a batch holds: names of transactions, or of producers; no tombstones."""
    return {wrote(value).producer for _, value in values(batch) if value}


@dataclass(slots=True, eq=False)
class Sending:
    """Records as they were sent to a compacted partition, once."""

    records: list[tuple[bytes, bytes | None]]
    """Key and value; None is a tombstone."""
    at: int
    earliest_ms: int
    latest_ms: int
    """What the wall clock has shown since."""
    until: int | None = None
    """By then it was in the log, if it ever was: its node has ended."""


@dataclass(slots=True, eq=False)
class Entry:
    """One record of a compacted partition, that somebody was told of or saw at its offset."""

    key: bytes
    value: bytes | None
    known_at: int
    sending: Sending | None = None
    """None if it was seen, and never acknowledged."""
    timestamp_ms: int | None = None
    """As it was seen first."""
    gone_at: int | None = None
    """Since when it is known not to be there any more."""


@dataclass(slots=True)
class Table:
    """What is known of a compacted partition: records by their keys."""

    tombstones_stay_ms: int
    """`delete.retention.ms`"""
    entries: dict[int, Entry] = field(default_factory=dict)
    """By offset."""
    sent: dict[bytes, set[bytes | None]] = field(default_factory=dict)
    """Every value that was ever sent for a key."""
    open: list[Sending] = field(default_factory=list)
    """What was sent and never acknowledged: it may be at any offset, or have been there."""
    offsets: dict[bytes, int] = field(default_factory=dict)
    """Where values are that are written once."""


@dataclass(slots=True)
class Partition:
    """What is known of one partition of one topic."""

    topic: str
    topic_id: bytes
    index: int
    flushes: bool
    """Its topic promises that what was acknowledged is on disk (`flush.messages=1`)."""
    known: dict[int, bytes] = field(default_factory=dict)
    """Offset to value, whoever saw it."""
    acked: dict[int, bytes] = field(default_factory=dict)
    """What a producer was told is at that offset."""
    log_start: int = 0
    high_watermark: int = 0
    last_stable: int = 0
    may_trim: int = 0
    """Up to where somebody asked to delete records."""
    floor: int = NO_FLOOR
    """What a power cut must have left: the log end that was safe then."""
    holed: bool = False
    """A segment had ended and was not synced yet when the power was cut: what follows it may be
    there without it, as in Apache Kafka.
    """
    table: Table | None = None
    """It is compacted: records go, so that there are gaps, and keys say which."""

    @property
    def name(self) -> str:
        """As Kafka writes it."""
        return f"{self.topic}-{self.index}"

    def may_skip(self, offset: int, upto: int) -> bool:
        """Whether a reader may go from one offset to another: nothing is known between them."""
        return (
            self.holed
            and offset <= upto
            and not any(at in self.known for at in range(offset, upto))
        )

    def joins(self, offset: int, batch: Batch, *, first: bool) -> bool:
        """Whether a batch comes next at an offset; the first may begin before it."""
        if first and batch.base_offset <= offset <= batch.last_offset:
            return True
        if self.table is not None:
            return batch.base_offset >= offset
        return batch.base_offset == offset or self.may_skip(offset, batch.base_offset)


@dataclass(slots=True)
class Topic:
    """One topic, from the moment at which somebody asked for it."""

    name: str
    flushes: bool
    topic_id: bytes = b""
    """Known once the creation was answered, or seen."""
    configs: dict[str, set[str]] = field(default_factory=dict)
    """What each of its configs may be: one value if nothing is under way."""
    partitions: list[Partition] = field(default_factory=list)
    lingering: set[str] = field(default_factory=set)
    """Values of requests that nobody answered, and that may still be carried out."""
    asked: Any = None
    """The request that creates it."""
    created: bool = False
    deleting: bool = False
    """Somebody asked for its deletion."""
    deleted: bool = False


@dataclass(slots=True)
class Commit:
    """One value that a group may have committed for a partition, and when."""

    value: int
    sent_at: int
    acked_at: int | None = None
    """By then it was so, if it ever was."""
    sure: bool = False
    """It was acknowledged."""


class Fate(Enum):
    """What is known of how a transaction ended."""

    OPEN = "open"
    """Nobody has asked to commit it: it may never count."""
    UNSURE = "unsure"
    """Somebody asked to commit it, and was not told."""
    COMMITTED = "committed"
    ABORTED = "aborted"


@dataclass(slots=True)
class Transaction:
    """One transaction, from the moment at which a client begins it; its records carry its name."""

    transactional_id: str
    number: int
    """Of two transactions of one id, the later one's is larger."""
    fate: Fate = Fate.OPEN
    how: str = ""
    """Where its fate was seen."""
    known_at: int = 0
    """Since when it is known."""
    offset: int | None = None
    """What it commits for its group; None if it commits nothing, or was never told that it has."""

    @property
    def name(self) -> str:
        """The writer's name in its records."""
        return f"{TRANSACTIONAL}{self.transactional_id}-{self.number}"


@dataclass(slots=True)
class Model:
    """Everything that is known."""

    topics: list[Topic] = field(default_factory=list)
    commits: dict[tuple[str, int], list[Commit]] = field(default_factory=dict)
    every_commit: dict[tuple[str, int], list[int]] = field(default_factory=dict)
    at: int = 0
    """How many steps the run has taken: its time for what comes before what."""
    excused: set[str] = field(default_factory=set)
    """Disk faults that this life of the node has met."""
    durable: bool = False
    """Internal topics promise what `flush.messages=1` promises, and transactions write only to
    topics that do: so no power cut takes a part of a transaction.
    """
    lossy: bool = False
    """A power cut may have taken a part of transactions, or of what their coordinator knew."""
    transactions: dict[str, Transaction] = field(default_factory=dict)
    """By name."""
    numbers: count[int] = field(default_factory=lambda: count(1))
    met: Counter[str] = field(default_factory=Counter)
    """What compaction did, and how often."""

    def living(self) -> list[Topic]:
        """Topics that are there for sure."""
        return [t for t in self.topics if t.created and not t.deleting]

    def every_partition(self) -> list[Partition]:
        """Of all topics that are there for sure."""
        return [p for topic in self.living() for p in topic.partitions]

    def partitions(self) -> list[Partition]:
        """Those that keep all that is written to them."""
        return [p for p in self.every_partition() if p.table is None]

    def compacted(self) -> list[Partition]:
        """Those that keep the latest record of each key."""
        return [p for p in self.every_partition() if p.table is not None]

    def lives(self, partition: Partition) -> bool:
        """Whether its topic is there for sure."""
        return any(one is partition for one in self.every_partition())

    def partition(self, topic_id: bytes, index: int) -> Partition | None:
        """The partition, unless its topic may be gone."""
        for topic in self.topics:
            if topic.topic_id == topic_id and topic.created:
                return topic.partitions[index] if index < len(topic.partitions) else None
        return None
