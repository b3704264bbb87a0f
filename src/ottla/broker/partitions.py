"""What every request for one partition checks before it asks the log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ottla.wire.errors import ErrorCode

if TYPE_CHECKING:
    from ottla.broker.context import Context


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
