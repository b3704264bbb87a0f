"""What every request for one partition checks before it asks the log, and how partitions are shown
that a disk keeps from being served.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ottla.broker.directories import UNNAMED
from ottla.metadata.image import NO_LEADER
from ottla.wire.errors import ErrorCode

if TYPE_CHECKING:
    from ottla.broker.context import Context
    from ottla.metadata.image import Partition


def leadership_error(
    context: Context, topic: str, partition: int, leader_epoch: int = -1
) -> ErrorCode:
    """NONE if this broker leads the partition in the epoch that the client believes in (KIP-320).

    A client with an older epoch is fenced; one with a newer epoch knows more than we do and has to
    wait.
    """
    found = context.image.topics.by_name.get(topic)
    if found is None or not 0 <= partition < len(found.partitions):
        return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    if (topic, partition) in context.offline:
        return ErrorCode.KAFKA_STORAGE_ERROR
    state = found.partitions[partition]
    if leader_epoch >= 0:
        if leader_epoch < state.leader_epoch:
            return ErrorCode.FENCED_LEADER_EPOCH
        if leader_epoch > state.leader_epoch:
            return ErrorCode.UNKNOWN_LEADER_EPOCH
    if state.leader != context.node_id:
        return ErrorCode.NOT_LEADER_OR_FOLLOWER
    return ErrorCode.NONE


def shown(context: Context, topic: str, index: int, partition: Partition) -> tuple[int, list[int]]:
    """Leader and offline replicas as clients are told them.

    A replica is offline whose broker is away or fenced, whose log directory is lost (KIP-858), or
    that this broker cannot open; in the last case the partition has no leader. Every partition of
    every Metadata passes here, so it is one plain loop.
    """
    brokers = context.image.brokers
    here = bool(context.offline) and (topic, index) in context.offline
    offline = []
    for replica, directory in zip(partition.replicas, partition.directories, strict=True):
        broker = brokers.get(replica)
        if (
            broker is None
            or broker.fenced
            or (directory not in broker.log_dirs and broker.log_dirs and directory not in UNNAMED)
            or (here and replica == context.node_id)
        ):
            offline.append(replica)
    return NO_LEADER if here else partition.leader, offline
