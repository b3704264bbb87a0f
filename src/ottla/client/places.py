"""Who leads which partition and who coordinates which group, as far as the cluster has told.

Each place is doubted alone, when an error or a lost connection speaks against it; the others stay.
What is doubted is asked for again. A leader epoch is remembered even while its leader is doubted:
metadata of a node that lags behind never replaces newer (as KIP-320 has it).

It asks nobody and knows no connection: `Client` does.
"""

from __future__ import annotations

from typing import Any

from ottla.wire.errors import ErrorCode
from ottla.wire.types import ZERO_UUID

TopicPartition = tuple[str, int]

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


class _Leader:
    __slots__ = ("doubted", "epoch", "node_id", "topic_id")

    def __init__(self, node_id: int, epoch: int, topic_id: bytes) -> None:
        self.node_id = node_id
        self.epoch = epoch
        self.topic_id = topic_id
        self.doubted = False


class Places:
    """What is known, and what of it is doubted."""

    def __init__(self) -> None:
        self._leaders: dict[TopicPartition, _Leader] = {}
        self._coordinators: dict[tuple[int, str], int] = {}

    # ------------------------------------------------------------ leaders

    def leader(self, place: TopicPartition) -> int | None:
        """The node that leads a partition; None if nobody knows."""
        found = self._leaders.get(place)
        return None if found is None or found.doubted else found.node_id

    def topic_id(self, place: TopicPartition) -> bytes:
        """The id of a partition's topic; zeros if nobody knows, as with nodes that have none."""
        found = self._leaders.get(place)
        return ZERO_UUID if found is None else found.topic_id

    def learn(self, topics: list[Any]) -> None:
        """Take what a Metadata response says, unless something newer is known."""
        for topic in topics:
            for row in topic.partitions:
                if not row.error_code:
                    found = _Leader(row.leader_id, row.leader_epoch, topic.topic_id)
                    self._learn((topic.name, row.partition_index), found)

    def _learn(self, place: TopicPartition, found: _Leader) -> None:
        known = self._leaders.get(place)
        # A topic made anew begins at epoch 0 under another id. Old nodes tell no epoch (-1).
        same = known is not None and known.topic_id == found.topic_id and found.epoch >= 0
        if known is None or not same or found.epoch >= known.epoch:
            self._leaders[place] = found

    def doubt_leader(self, place: TopicPartition) -> None:
        """Ask again who leads this partition."""
        known = self._leaders.get(place)
        if known is not None:
            known.doubted = True

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
        for known in self._leaders.values():
            if known.node_id == node_id:
                known.doubted = True
        for key in [k for k, found in self._coordinators.items() if found == node_id]:
            del self._coordinators[key]
