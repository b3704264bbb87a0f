"""A state store as the plan knows it: what it keeps, how its bytes look, if a changelog follows.

Stores keep bytes: keys in the order of their bytes, values as Kafka writes them. Nothing here says
how an executor keeps them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from ottla.streams.serdes import Serde


class StoreKind(StrEnum):
    KEY_VALUE = "key_value"
    LRU = "lru"
    WINDOW = "window"
    SESSION = "session"
    VERSIONED = "versioned"
    #: Suppress's buffer: changes by time, with what stood before them. Serdes of key and value.
    SUPPRESS_BUFFER = "suppress_buffer"
    #: The buffer of a stream-table join with grace: records by time, a key several times.
    GRACE_BUFFER = "grace_buffer"
    #: What left and outer stream-stream joins have not joined yet: (time, side, key) to lists of
    #: values. Its serdes are `JoinSideKeySerde` and `JoinSideValueSerde`.
    OUTER_JOIN = "outer_join"
    #: A foreign-key join's subscriptions: (foreign key, primary key) to hash and instruction. Its
    #: serdes are `BYTES` and `SubscriptionSerde`, and its values carry times.
    SUBSCRIPTION = "subscription"


@dataclass(frozen=True, slots=True)
class Store:
    """One store. Times are ms; what a kind does not use is 0 or False."""

    name: str
    kind: StoreKind
    key: Serde | None
    value: Serde | None
    #: Values carry the time of the record that wrote them (timestamped stores).
    timestamped: bool = False
    #: An operator that keeps times was given a store that does not: they are read as -1.
    times_lost: bool = False
    #: Values carry headers too (`dsl.store.format=headers`).
    with_headers: bool = False
    #: The changelog's records have headers although the values may have none: stores of joins.
    logs_headers: bool = False
    #: On disk in Kafka; what differs is only what expiry shows, and what is lost with a process.
    persistent: bool = True
    logged: bool = True
    #: Configs of the changelog topic that the user gave.
    topic_configs: Mapping[str, str] = field(default_factory=dict)
    #: A source topic that serves as the changelog (`reuse.ktable.source.topics`).
    changelog_topic: str | None = None
    is_global: bool = False
    retention_ms: int = 0
    window_size_ms: int = 0
    segment_interval_ms: int = 0
    #: A window store that keeps every record of one key and time (stream-stream joins).
    retain_duplicates: bool = False
    #: Versioned stores: how far back values can be asked for.
    history_retention_ms: int = 0
    entries_max: int = 0
    grace_ms: int = 0
