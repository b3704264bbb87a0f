"""What every request for one partition checks before it asks the log, and how partitions are shown
that a disk keeps from being served.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ottla.metadata.image import MIGRATING_DIRECTORY, NO_LEADER, UNASSIGNED_DIRECTORY
from ottla.wire.errors import ErrorCode

if TYPE_CHECKING:
    from ottla.broker.context import Context
    from ottla.metadata.image import Partition

_UNNAMED = (UNASSIGNED_DIRECTORY, MIGRATING_DIRECTORY)


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


def shown_leader(context: Context, topic: str, index: int, partition: Partition) -> int:
    """The leader as clients are told it: none, if it is this broker and its disk fails."""
    return NO_LEADER if (topic, index) in context.offline else partition.leader


def offline_replicas(context: Context, topic: str, index: int, partition: Partition) -> list[int]:
    """The replicas whose broker is away or fenced, or whose log directory is lost (KIP-858)."""
    brokers = context.image.brokers
    here = context.node_id if (topic, index) in context.offline else NO_LEADER

    def lost(replica: int) -> bool:
        broker = brokers.get(replica)
        if broker is None or broker.fenced or replica == here:
            return True
        directory = partition.directory_of(replica)
        if directory in _UNNAMED or not broker.log_dirs:
            return False
        return directory not in broker.log_dirs

    return [replica for replica in partition.replicas if lost(replica)]
