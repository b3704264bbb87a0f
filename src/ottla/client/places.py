"""Who leads which partition and who coordinates which group, as far as the cluster has told.

Each place is doubted alone, when an error or a lost connection speaks against it; the others stay.
What is doubted is asked for again. A leader epoch is remembered even while its leader is doubted:
metadata of a node that lags behind never replaces newer (as KIP-320 has it).

It asks nobody and knows no connection: `Client` does.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ottla.wire.errors import ErrorCode
from ottla.wire.types import ZERO_UUID

TopicPartition = tuple[str, int]
_NO_LEADER = ErrorCode.LEADER_NOT_AVAILABLE

LEADER_ERRORS = frozenset(
    {
        ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
        ErrorCode.LEADER_NOT_AVAILABLE,
        ErrorCode.NOT_LEADER_OR_FOLLOWER,
        ErrorCode.REPLICA_NOT_AVAILABLE,
        ErrorCode.KAFKA_STORAGE_ERROR,
        ErrorCode.LISTENER_NOT_FOUND,
        ErrorCode.FENCED_LEADER_EPOCH,
        ErrorCode.UNKNOWN_LEADER_EPOCH,
        ErrorCode.UNKNOWN_TOPIC_ID,
        ErrorCode.INCONSISTENT_TOPIC_ID,
    }
)
"""Errors of one partition that mean: ask again who leads it."""

COORDINATOR_ERRORS = frozenset({ErrorCode.COORDINATOR_NOT_AVAILABLE, ErrorCode.NOT_COORDINATOR})
"""Errors of one group that mean: ask again who coordinates it."""


class Leader:
    """Who leads one partition. The same object tells it for as long as there is a client: whoever
    reads a partition asks it instead of searching.
    """

    __slots__ = ("epoch", "node", "told", "topic_id")

    def __init__(self) -> None:
        self.told = -1
        """The node that was told last, whatever came of it; -1 if none was."""
        self.node: int | None = None
        """The same, unless it is doubted or none was told."""
        self.epoch = -1
        """Of that leader; -1 if nobody knows."""
        self.topic_id = ZERO_UUID
        """The id of the topic; zeros if nobody knows, as with nodes that have none."""


class Topic(NamedTuple):
    """A topic as it was told last. Without an `error` it is there."""

    name: str
    id: bytes
    error: int
    partitions: dict[int, int]
    """The leader of each; -1 while there is none."""
    replicas: dict[int, tuple[int, ...]]
    learned_at_ms: int


class Places:
    """What is known, and what of it is doubted."""

    def __init__(self) -> None:
        self._leaders: dict[TopicPartition, Leader] = {}
        self._settled: set[str] = set()
        """Topics of which nobody must ask anything."""
        self._coordinators: dict[tuple[int, str], int] = {}
        self._topics: dict[str, Topic] = {}
        self.changes = 0
        """Grows whenever more, or something else, is known of topics."""
        self.features: dict[str, int] = {}
        """The final levels of the cluster's features, by the newest that a node told."""
        self._features_epoch = -1

    # ------------------------------------------------------------ leaders

    def at(self, place: TopicPartition) -> Leader:
        """Who leads a partition, now and later."""
        found = self._leaders.get(place)
        if found is None:
            found = self._leaders[place] = Leader()
        return found

    def leader(self, place: TopicPartition) -> int | None:
        """The node that leads a partition; None if nobody knows."""
        found = self._leaders.get(place)
        return None if found is None else found.node

    def topic_id(self, place: TopicPartition) -> bytes:
        """The id of a partition's topic; zeros if nobody knows, as with nodes that have none."""
        found = self._leaders.get(place)
        return ZERO_UUID if found is None else found.topic_id

    def topic(self, name: str) -> Topic | None:
        """A topic, as it was told last; None if it was never asked for."""
        return self._topics.get(name)

    def names(self) -> list[str]:
        """The topics that are there, as far as told."""
        return [name for name, topic in self._topics.items() if not topic.error]

    def keep_only(self, names: set[str]) -> None:
        """These are all topics that there are."""
        for name in self._topics.keys() - names:
            del self._topics[name]
            self._settled.discard(name)

    def name_of(self, topic_id: bytes) -> str | None:
        """The topic of that id, if it was told."""
        for topic in self._topics.values():
            if topic.id == topic_id:
                return topic.name
        return None

    def is_doubted(self, name: str) -> bool:
        """Whether somebody must ask about this topic: it was never told, it is not there, or a
        partition has no leader that is believed.
        """
        if name in self._settled:
            return False
        topic = self._topics.get(name)
        if topic is None or topic.error or not topic.partitions:
            return True
        if any(self.leader((name, number)) is None for number in topic.partitions):
            return True
        self._settled.add(name)
        return False

    def learn(self, topics: list[Any], now_ms: int = 0) -> None:
        """Take what a Metadata response says, unless something newer is known."""
        self.changes += bool(topics)
        for topic in topics:
            if topic.name is not None:
                self._learn_topic(topic, now_ms)
            for row in topic.partitions:
                if not row.error_code:
                    self._learn((topic.name, row.partition_index), row, topic.topic_id)

    def _learn_topic(self, topic: Any, now_ms: int) -> None:
        leaders = {
            row.partition_index: -1 if row.error_code == _NO_LEADER else row.leader_id
            for row in topic.partitions
        }
        nodes = {row.partition_index: tuple(row.replica_nodes) for row in topic.partitions}
        row = Topic(topic.name, topic.topic_id, topic.error_code, leaders, nodes, now_ms)
        self._topics[topic.name] = row
        self._settled.discard(topic.name)

    def _learn(self, place: TopicPartition, row: Any, topic_id: bytes) -> None:
        known = self.at(place)
        # A topic made anew begins at epoch 0 under another id. Old nodes tell no epoch (-1).
        same = known.topic_id == topic_id and row.leader_epoch >= 0
        if not same or row.leader_epoch >= known.epoch:
            known.node = known.told = row.leader_id
            known.epoch, known.topic_id = row.leader_epoch, topic_id

    def doubt_leader(self, place: TopicPartition) -> None:
        """Ask again who leads this partition."""
        known = self._leaders.get(place)
        if known is not None:
            known.node = None
            self._settled.discard(place[0])

    def learn_features(self, told: Any) -> None:
        """Take what an ApiVersions response says of features, unless it is older."""
        epoch = told.finalized_features_epoch
        if epoch >= self._features_epoch:
            self._features_epoch = epoch
            rows = told.finalized_features
            self.features = {row.name: row.max_version_level for row in rows}

    # ------------------------------------------------------------ coordinators

    def coordinator(self, kind: int, key: str) -> int | None:
        """The node that coordinates a group (or what else `kind` says); None if nobody knows."""
        return self._coordinators.get((kind, key))

    def learn_coordinator(self, kind: int, key: str, node_id: int) -> None:
        """Take what FindCoordinator said."""
        self._coordinators[(kind, key)] = node_id

    def doubt_coordinator(self, kind: int, key: str) -> None:
        """Ask again who coordinates this group."""
        self._coordinators.pop((kind, key), None)

    # ------------------------------------------------------------ nodes

    def doubt_node(self, node_id: int) -> None:
        """A node can't be reached: what lay on it may lie elsewhere soon."""
        for place, known in self._leaders.items():
            if known.told == node_id:
                known.node = None
                self._settled.discard(place[0])
        for key in [k for k, found in self._coordinators.items() if found == node_id]:
            del self._coordinators[key]
