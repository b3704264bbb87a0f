"""A topology as executors run it: sources, nodes and sinks by name, stores, internal topics.

Names of internal topics are as the plan knows them; a running application writes its id before them
(`Topology.topic_name`). Everything is in the order in which Kafka would have added it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ottla.streams.plan.functions import Function
from ottla.streams.plan.operators import Operator
from ottla.streams.plan.stores import Store
from ottla.streams.serdes import Serde

#: (topic, partition, offset, timestamp, key, value, headers, partition time) to ms since the epoch.
TimestampExtractor = Callable[..., int]


@dataclass(frozen=True, slots=True)
class Source:
    name: str
    topics: tuple[str, ...]
    pattern: re.Pattern[str] | None
    key: Serde
    value: Serde
    children: tuple[str, ...] = ()
    timestamp_extractor: TimestampExtractor | None = None
    reset: str | None = None
    is_global: bool = False


@dataclass(frozen=True, slots=True)
class Node:
    name: str
    operator: Operator
    children: tuple[str, ...] = ()
    #: Names of the stores that it may reach, its own among them.
    stores: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sink:
    """Writes to one topic, or to the one that `extractor(key, value, record context)` names."""

    name: str
    topic: str | None
    extractor: Function | None
    key: Serde
    value: Serde
    partitioner: Callable[..., Any] | None = None


@dataclass(frozen=True, slots=True)
class InternalTopic:
    """A repartition topic; changelogs are said by their stores."""

    name: str
    partitions: int | None = None


@dataclass(frozen=True, slots=True)
class Topology:
    sources: Mapping[str, Source]
    nodes: Mapping[str, Node]
    sinks: Mapping[str, Sink]
    stores: Mapping[str, Store]
    internal_topics: Mapping[str, InternalTopic]
    #: Kafka's order of the parents of each node, for `describe()` and for groups.
    parents: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    #: Sets of topics whose partitions must agree in number.
    copartitioned: tuple[frozenset[str], ...] = ()

    def topic_name(self, topic: str, app_id: str) -> str:
        """The topic's name in Kafka: internal ones carry the application's id."""
        return f"{app_id}-{topic}" if topic in self.internal_topics else topic

    def changelog_name(self, store: Store, app_id: str) -> str | None:
        """The topic that follows a store, or None."""
        if store.changelog_topic is not None:
            return self.topic_name(store.changelog_topic, app_id)
        return f"{app_id}-{store.name}-changelog" if store.logged else None
