"""DescribeQuorum: the metadata quorum's leader, its voters, and how far each of them is (KIP-595).

Needs DESCRIBE on the cluster. Only partition 0 of `__cluster_metadata` has a quorum. The voters'
addresses come with version 2 (KIP-853).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ottla.metadata.topic_names import METADATA_TOPIC
from ottla.security.resources import CLUSTER, Operation
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.describe_quorum import (
    DescribeQuorumRequest,
    DescribeQuorumResponse,
    DescribeQuorumResponsePartitionData,
    DescribeQuorumResponseTopicData,
    Listener,
    Node,
    ReplicaState,
)
from ottla.wire.types import ZERO_UUID

if TYPE_CHECKING:
    from ottla.broker.asked import Asked
    from ottla.broker.context import Context
    from ottla.raft.description import QuorumDescription, VoterDescription


def handle(context: Context, asked: Asked[DescribeQuorumRequest]) -> DescribeQuorumResponse:
    """What raft says of itself; other topics are unknown here."""
    if not context.authorize(asked, Operation.DESCRIBE, CLUSTER):
        denied = ErrorCode.CLUSTER_AUTHORIZATION_FAILED
        return DescribeQuorumResponse(error_code=denied, error_message=denied.text)
    found = context.controller.describe()
    response = DescribeQuorumResponse(
        topics=[
            DescribeQuorumResponseTopicData(
                topic_name=topic.topic_name,
                partitions=[
                    _metadata_partition(found, asked.version)
                    if topic.topic_name == METADATA_TOPIC and partition.partition_index == 0
                    else _unknown(partition.partition_index, asked.version)
                    for partition in topic.partitions
                ],
            )
            for topic in asked.body.topics
        ]
    )
    if asked.version >= 2:
        response.nodes = [_node(description) for description in found.voters]
    return response


def _metadata_partition(
    found: QuorumDescription, version: int
) -> DescribeQuorumResponsePartitionData:
    return DescribeQuorumResponsePartitionData(
        leader_id=found.leader_id,
        leader_epoch=found.leader_epoch,
        high_watermark=found.high_watermark,
        current_voters=[_replica(voter, version) for voter in found.voters],
        observers=[_replica(observer, version) for observer in found.observers],
    )


def _unknown(index: int, version: int) -> DescribeQuorumResponsePartitionData:
    error = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    return DescribeQuorumResponsePartitionData(
        partition_index=index,
        error_code=error,
        error_message=error.text if version >= 2 else None,
    )


def _replica(description: VoterDescription, version: int) -> ReplicaState:
    voter, position = description.voter, description.position
    return ReplicaState(
        replica_id=voter.id,
        replica_directory_id=voter.directory_id if version >= 2 else ZERO_UUID,
        log_end_offset=position.end_offset,
        last_fetch_timestamp=position.last_fetch_ms,
        last_caught_up_timestamp=position.last_caught_up_ms,
    )


def _node(description: VoterDescription) -> Node:
    return Node(
        node_id=description.voter.id,
        listeners=[
            Listener(name=name, host=host, port=port)
            for name, host, port in description.voter.endpoints
        ],
    )
