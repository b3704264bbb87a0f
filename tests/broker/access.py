"""What every API asks the authorizer, by the rules of Apache Kafka 4.3.1: one row an API.

A row holds a request that names a topic and a group, what is asked when everybody may do
everything, what is asked when nobody may do anything, and the error that then stands in the answer
(none where what may not be seen is only left out).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from ottla.security.resources import Operation, Resource, ResourceType
from ottla.wire.errors import ErrorCode
from ottla.wire.messages import alter_configs, describe_producers
from ottla.wire.messages.add_offsets_to_txn import AddOffsetsToTxnRequest
from ottla.wire.messages.add_partitions_to_txn import (
    AddPartitionsToTxnRequest,
    AddPartitionsToTxnTopic,
    AddPartitionsToTxnTransaction,
)
from ottla.wire.messages.alter_replica_log_dirs import (
    AlterReplicaLogDir,
    AlterReplicaLogDirsRequest,
    AlterReplicaLogDirTopic,
)
from ottla.wire.messages.api_versions import ApiVersionsRequest
from ottla.wire.messages.assign_replicas_to_dirs import AssignReplicasToDirsRequest
from ottla.wire.messages.consumer_group_heartbeat import ConsumerGroupHeartbeatRequest
from ottla.wire.messages.create_partitions import CreatePartitionsRequest, CreatePartitionsTopic
from ottla.wire.messages.create_topics import CreatableTopic, CreateTopicsRequest
from ottla.wire.messages.delete_groups import DeleteGroupsRequest
from ottla.wire.messages.delete_records import (
    DeleteRecordsPartition,
    DeleteRecordsRequest,
    DeleteRecordsTopic,
)
from ottla.wire.messages.delete_topics import DeleteTopicsRequest, DeleteTopicState
from ottla.wire.messages.describe_acls import DescribeAclsRequest
from ottla.wire.messages.describe_cluster import DescribeClusterRequest
from ottla.wire.messages.describe_configs import DescribeConfigsRequest, DescribeConfigsResource
from ottla.wire.messages.describe_groups import DescribeGroupsRequest
from ottla.wire.messages.describe_log_dirs import DescribeLogDirsRequest
from ottla.wire.messages.describe_quorum import DescribeQuorumRequest
from ottla.wire.messages.describe_topic_partitions import (
    DescribeTopicPartitionsRequest,
    TopicRequest,
)
from ottla.wire.messages.describe_transactions import DescribeTransactionsRequest
from ottla.wire.messages.end_txn import EndTxnRequest
from ottla.wire.messages.find_coordinator import FindCoordinatorRequest
from ottla.wire.messages.get_telemetry_subscriptions import GetTelemetrySubscriptionsRequest
from ottla.wire.messages.heartbeat import HeartbeatRequest
from ottla.wire.messages.incremental_alter_configs import (
    AlterableConfig,
    AlterConfigsResource,
    IncrementalAlterConfigsRequest,
)
from ottla.wire.messages.init_producer_id import InitProducerIdRequest
from ottla.wire.messages.join_group import JoinGroupRequest
from ottla.wire.messages.leave_group import LeaveGroupRequest, MemberIdentity
from ottla.wire.messages.list_config_resources import ListConfigResourcesRequest
from ottla.wire.messages.list_groups import ListGroupsRequest
from ottla.wire.messages.list_offsets import (
    ListOffsetsPartition,
    ListOffsetsRequest,
    ListOffsetsTopic,
)
from ottla.wire.messages.list_partition_reassignments import ListPartitionReassignmentsRequest
from ottla.wire.messages.list_transactions import ListTransactionsRequest
from ottla.wire.messages.metadata import MetadataRequest, MetadataRequestTopic
from ottla.wire.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
)
from ottla.wire.messages.offset_delete import (
    OffsetDeleteRequest,
    OffsetDeleteRequestPartition,
    OffsetDeleteRequestTopic,
)
from ottla.wire.messages.offset_fetch import (
    OffsetFetchRequest,
    OffsetFetchRequestGroup,
    OffsetFetchRequestTopic,
    OffsetFetchRequestTopics,
)
from ottla.wire.messages.offset_for_leader_epoch import (
    OffsetForLeaderEpochRequest,
    OffsetForLeaderPartition,
    OffsetForLeaderTopic,
)
from ottla.wire.messages.push_telemetry import PushTelemetryRequest
from ottla.wire.messages.sync_group import SyncGroupRequest
from ottla.wire.messages.txn_offset_commit import (
    TxnOffsetCommitRequest,
    TxnOffsetCommitRequestPartition,
    TxnOffsetCommitRequestTopic,
)
from ottla.wire.messages.update_features import FeatureUpdateKey, UpdateFeaturesRequest
from ottla.wire.messages.write_txn_markers import (
    WritableTxnMarker,
    WritableTxnMarkerTopic,
    WriteTxnMarkersRequest,
)
from ottla.wire.schema import Request

Op, Kind, Err = Operation, ResourceType, ErrorCode
Pair = tuple[Operation, ResourceType]

ALICE = "User:alice"
"""Who asks in every test of rights: as `User:ANONYMOUS` a lost name could not be told."""


class Rights:
    """An authorizer that allows what it is told to, and remembers what it was asked."""

    def __init__(self, may: Callable[[Operation, Resource], bool]) -> None:
        self.may = may
        self.asked: list[tuple[Operation, Resource]] = []

    @property
    def pairs(self) -> set[Pair]:
        return {(operation, resource.type) for operation, resource in self.asked}

    def authorize(self, who: Any, operation: Operation, resource: Resource, *, quiet: bool) -> bool:
        assert str(who.principal) == ALICE, "who asks was lost on the way"
        self.asked.append((operation, resource))
        return self.may(operation, resource)

    def allowed_names(
        self,
        who: Any,
        operation: Operation,
        kind: ResourceType,
        names: set[str],
        *,
        quiet: bool,
    ) -> set[str]:
        return {
            name
            for name in names
            if self.authorize(who, operation, Resource(kind, name), quiet=quiet)
        }

    def authorize_by_resource_type(
        self, who: Any, operation: Operation, kind: ResourceType
    ) -> bool:
        return self.authorize(who, operation, Resource(kind, "*"), quiet=False)


class Named(NamedTuple):
    """What a request is about."""

    topic: str
    topic_id: bytes
    group: str


class Row(NamedTuple):
    """One API's rule."""

    request: Callable[[Named, int], Request]
    allowed: set[Pair]
    denied: set[Pair]
    error: ErrorCode | None


def _groups_of_fetch(named: Named, version: int) -> OffsetFetchRequest:
    if version < 8:
        topics = [OffsetFetchRequestTopic(name=named.topic, partition_indexes=[0])]
        return OffsetFetchRequest(group_id=named.group, topics=topics)
    topic = OffsetFetchRequestTopics(name=named.topic, partition_indexes=[0])
    if version >= 10:
        topic = OffsetFetchRequestTopics(topic_id=named.topic_id, partition_indexes=[0])
    return OffsetFetchRequest(
        groups=[OffsetFetchRequestGroup(group_id=named.group, topics=[topic])]
    )


def offset_commit(named: Named, version: int) -> OffsetCommitRequest:
    """One offset, of nobody's generation."""
    partition = OffsetCommitRequestPartition(partition_index=0, committed_metadata="")
    topic = OffsetCommitRequestTopic(name=named.topic, partitions=[partition])
    if version >= 10:
        topic = OffsetCommitRequestTopic(topic_id=named.topic_id, partitions=[partition])
    return OffsetCommitRequest(group_id=named.group, topics=[topic])


def _txn_offset_commit(named: Named, _version: int) -> TxnOffsetCommitRequest:
    """To a partition that is not there, so that no coordinator of transactions is needed."""
    partition = TxnOffsetCommitRequestPartition(partition_index=99, committed_metadata="")
    topic = TxnOffsetCommitRequestTopic(name=named.topic, partitions=[partition])
    return TxnOffsetCommitRequest(
        transactional_id="x", group_id=named.group, producer_id=1, topics=[topic]
    )


def _add_partitions(named: Named, version: int) -> AddPartitionsToTxnRequest:
    """As a client asks, and from version 4 on as a broker does."""
    topic = AddPartitionsToTxnTopic(name=named.topic, partitions=[99])
    if version >= 4:
        of_one = AddPartitionsToTxnTransaction(transactional_id="x", topics=[topic])
        return AddPartitionsToTxnRequest(transactions=[of_one])
    return AddPartitionsToTxnRequest(v3_and_below_transactional_id="x", v3_and_below_topics=[topic])


def _marker(named: Named, _version: int) -> WriteTxnMarkersRequest:
    """For a partition that is not there."""
    topic = WritableTxnMarkerTopic(name=named.topic, partition_indexes=[99])
    return WriteTxnMarkersRequest(markers=[WritableTxnMarker(producer_id=1, topics=[topic])])


def delete_topics(named: Named, version: int) -> DeleteTopicsRequest:
    """By name."""
    if version < 6:
        return DeleteTopicsRequest(topic_names=[named.topic], timeout_ms=10_000)
    states = [DeleteTopicState(name=named.topic)]
    return DeleteTopicsRequest(topics=states, timeout_ms=10_000)


def _find_coordinator(named: Named, version: int) -> FindCoordinatorRequest:
    if version < 4:
        return FindCoordinatorRequest(key=named.group)
    return FindCoordinatorRequest(coordinator_keys=[named.group])


def _leave(named: Named, version: int) -> LeaveGroupRequest:
    if version < 3:
        return LeaveGroupRequest(group_id=named.group, member_id="m")
    return LeaveGroupRequest(group_id=named.group, members=[MemberIdentity(member_id="m")])


def _sync(named: Named, version: int) -> SyncGroupRequest:
    protocol = "p" if version >= 5 else None
    return SyncGroupRequest(group_id=named.group, protocol_type=protocol, protocol_name=protocol)


def _pair(operation: Operation, kind: ResourceType) -> set[Pair]:
    return {(operation, kind)}


READ_GROUP = _pair(Op.READ, Kind.GROUP)
SEE_TOPIC = _pair(Op.DESCRIBE, Kind.TOPIC)
SEE_GROUP = _pair(Op.DESCRIBE, Kind.GROUP)
SEE_CLUSTER = _pair(Op.DESCRIBE, Kind.CLUSTER)

TABLE: dict[int, Row | None] = {
    0: None,  # Produce and Fetch are the core's
    1: None,
    2: Row(
        lambda named, _: ListOffsetsRequest(
            topics=[ListOffsetsTopic(name=named.topic, partitions=[ListOffsetsPartition()])]
        ),
        SEE_TOPIC,
        SEE_TOPIC,
        Err.TOPIC_AUTHORIZATION_FAILED,
    ),
    3: Row(
        lambda named, _: MetadataRequest(topics=[MetadataRequestTopic(name=named.topic)]),
        SEE_TOPIC,
        SEE_TOPIC,
        Err.TOPIC_AUTHORIZATION_FAILED,
    ),
    8: Row(
        offset_commit,
        READ_GROUP | _pair(Op.READ, Kind.TOPIC),
        READ_GROUP,
        Err.GROUP_AUTHORIZATION_FAILED,
    ),
    9: Row(_groups_of_fetch, SEE_GROUP | SEE_TOPIC, SEE_GROUP, Err.GROUP_AUTHORIZATION_FAILED),
    10: Row(_find_coordinator, SEE_GROUP, SEE_GROUP, Err.GROUP_AUTHORIZATION_FAILED),
    11: Row(
        lambda named, _: JoinGroupRequest(group_id=named.group, session_timeout_ms=1),
        READ_GROUP,
        READ_GROUP,
        Err.GROUP_AUTHORIZATION_FAILED,
    ),
    12: Row(
        lambda named, _: HeartbeatRequest(group_id=named.group),
        READ_GROUP,
        READ_GROUP,
        Err.GROUP_AUTHORIZATION_FAILED,
    ),
    13: Row(_leave, READ_GROUP, READ_GROUP, Err.GROUP_AUTHORIZATION_FAILED),
    14: Row(_sync, READ_GROUP, READ_GROUP, Err.GROUP_AUTHORIZATION_FAILED),
    15: Row(
        lambda named, _: DescribeGroupsRequest(groups=[named.group]),
        SEE_GROUP,
        SEE_GROUP,
        Err.GROUP_AUTHORIZATION_FAILED,
    ),
    16: Row(lambda _, __: ListGroupsRequest(), SEE_CLUSTER, SEE_CLUSTER | SEE_GROUP, None),
    18: Row(
        lambda _, version: (
            ApiVersionsRequest(client_software_name="t", client_software_version="1")
            if version >= 3
            else ApiVersionsRequest()
        ),
        set(),
        set(),
        None,
    ),
    19: Row(
        lambda named, _: CreateTopicsRequest(
            topics=[
                CreatableTopic(name=named.topic + ".new", num_partitions=1, replication_factor=1)
            ],
            validate_only=True,
        ),
        _pair(Op.CREATE, Kind.CLUSTER) | _pair(Op.DESCRIBE_CONFIGS, Kind.TOPIC),
        _pair(Op.CREATE, Kind.CLUSTER) | _pair(Op.CREATE, Kind.TOPIC),
        Err.TOPIC_AUTHORIZATION_FAILED,
    ),
    20: Row(
        delete_topics,
        _pair(Op.DELETE, Kind.CLUSTER),
        _pair(Op.DELETE, Kind.CLUSTER) | _pair(Op.DELETE, Kind.TOPIC) | SEE_TOPIC,
        Err.TOPIC_AUTHORIZATION_FAILED,
    ),
    21: Row(
        lambda named, _: DeleteRecordsRequest(
            topics=[DeleteRecordsTopic(name=named.topic, partitions=[DeleteRecordsPartition()])]
        ),
        _pair(Op.DELETE, Kind.TOPIC),
        _pair(Op.DELETE, Kind.TOPIC),
        Err.TOPIC_AUTHORIZATION_FAILED,
    ),
    22: Row(
        lambda _, __: InitProducerIdRequest(transactional_id=None),
        _pair(Op.IDEMPOTENT_WRITE, Kind.CLUSTER),
        _pair(Op.IDEMPOTENT_WRITE, Kind.CLUSTER) | _pair(Op.WRITE, Kind.TOPIC),
        Err.CLUSTER_AUTHORIZATION_FAILED,
    ),
    23: Row(
        lambda named, _: OffsetForLeaderEpochRequest(
            topics=[
                OffsetForLeaderTopic(topic=named.topic, partitions=[OffsetForLeaderPartition()])
            ]
        ),
        _pair(Op.CLUSTER_ACTION, Kind.CLUSTER),
        _pair(Op.CLUSTER_ACTION, Kind.CLUSTER) | SEE_TOPIC,
        Err.TOPIC_AUTHORIZATION_FAILED,
    ),
    24: Row(
        _add_partitions,
        _pair(Op.WRITE, Kind.TRANSACTIONAL_ID) | _pair(Op.WRITE, Kind.TOPIC),
        _pair(Op.WRITE, Kind.TRANSACTIONAL_ID),
        Err.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    ),
    25: Row(
        lambda named, _: AddOffsetsToTxnRequest(transactional_id="x", group_id=named.group),
        _pair(Op.WRITE, Kind.TRANSACTIONAL_ID) | READ_GROUP,
        _pair(Op.WRITE, Kind.TRANSACTIONAL_ID),
        Err.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    ),
    26: Row(
        lambda _, __: EndTxnRequest(transactional_id="x", producer_id=1),
        _pair(Op.WRITE, Kind.TRANSACTIONAL_ID),
        _pair(Op.WRITE, Kind.TRANSACTIONAL_ID),
        Err.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    ),
    27: Row(
        _marker,
        _pair(Op.ALTER, Kind.CLUSTER),
        _pair(Op.ALTER, Kind.CLUSTER) | _pair(Op.CLUSTER_ACTION, Kind.CLUSTER),
        Err.CLUSTER_AUTHORIZATION_FAILED,
    ),
    28: Row(
        _txn_offset_commit,
        _pair(Op.WRITE, Kind.TRANSACTIONAL_ID) | READ_GROUP | _pair(Op.READ, Kind.TOPIC),
        _pair(Op.WRITE, Kind.TRANSACTIONAL_ID),
        Err.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    ),
    29: Row(
        lambda _, __: DescribeAclsRequest(
            resource_type_filter=1,
            resource_name_filter=None,
            principal_filter=None,
            host_filter=None,
            operation=1,
            permission_type=1,
        ),
        SEE_CLUSTER,
        SEE_CLUSTER,
        Err.CLUSTER_AUTHORIZATION_FAILED,
    ),
    32: Row(
        lambda named, _: DescribeConfigsRequest(
            resources=[
                DescribeConfigsResource(
                    resource_type=2, resource_name=named.topic, configuration_keys=None
                )
            ]
        ),
        _pair(Op.DESCRIBE_CONFIGS, Kind.TOPIC),
        _pair(Op.DESCRIBE_CONFIGS, Kind.TOPIC),
        Err.TOPIC_AUTHORIZATION_FAILED,
    ),
    33: Row(
        lambda named, _: alter_configs.AlterConfigsRequest(
            resources=[
                alter_configs.AlterConfigsResource(
                    resource_type=2,
                    resource_name=named.topic,
                    configs=[alter_configs.AlterableConfig(name="retention.ms", value="1")],
                )
            ],
        ),
        _pair(Op.ALTER_CONFIGS, Kind.TOPIC),
        _pair(Op.ALTER_CONFIGS, Kind.TOPIC),
        Err.TOPIC_AUTHORIZATION_FAILED,
    ),
    34: Row(
        lambda named, _: AlterReplicaLogDirsRequest(
            dirs=[
                AlterReplicaLogDir(
                    path="/nowhere",
                    topics=[AlterReplicaLogDirTopic(name=named.topic, partitions=[0])],
                )
            ]
        ),
        _pair(Op.ALTER, Kind.CLUSTER),
        _pair(Op.ALTER, Kind.CLUSTER),
        Err.CLUSTER_AUTHORIZATION_FAILED,
    ),
    35: Row(
        lambda _, __: DescribeLogDirsRequest(topics=None),
        SEE_CLUSTER,
        SEE_CLUSTER,
        Err.CLUSTER_AUTHORIZATION_FAILED,
    ),
    37: Row(
        lambda named, _: CreatePartitionsRequest(
            topics=[CreatePartitionsTopic(name=named.topic, count=2, assignments=None)],
            validate_only=True,
        ),
        _pair(Op.ALTER, Kind.TOPIC),
        _pair(Op.ALTER, Kind.TOPIC),
        Err.TOPIC_AUTHORIZATION_FAILED,
    ),
    42: Row(
        lambda named, _: DeleteGroupsRequest(groups_names=[named.group]),
        _pair(Op.DELETE, Kind.GROUP),
        _pair(Op.DELETE, Kind.GROUP),
        Err.GROUP_AUTHORIZATION_FAILED,
    ),
    44: Row(
        lambda named, _: IncrementalAlterConfigsRequest(
            resources=[
                AlterConfigsResource(
                    resource_type=2,
                    resource_name=named.topic,
                    configs=[AlterableConfig(name="retention.ms", value="1")],
                )
            ],
        ),
        _pair(Op.ALTER_CONFIGS, Kind.TOPIC),
        _pair(Op.ALTER_CONFIGS, Kind.TOPIC),
        Err.TOPIC_AUTHORIZATION_FAILED,
    ),
    46: Row(
        lambda _, __: ListPartitionReassignmentsRequest(),
        SEE_CLUSTER,
        SEE_CLUSTER,
        Err.CLUSTER_AUTHORIZATION_FAILED,
    ),
    47: Row(
        lambda named, _: OffsetDeleteRequest(
            group_id=named.group,
            topics=[
                OffsetDeleteRequestTopic(
                    name=named.topic, partitions=[OffsetDeleteRequestPartition()]
                )
            ],
        ),
        _pair(Op.DELETE, Kind.GROUP) | _pair(Op.READ, Kind.TOPIC),
        _pair(Op.DELETE, Kind.GROUP),
        Err.GROUP_AUTHORIZATION_FAILED,
    ),
    55: Row(
        lambda _, __: DescribeQuorumRequest(),
        SEE_CLUSTER,
        SEE_CLUSTER,
        Err.CLUSTER_AUTHORIZATION_FAILED,
    ),
    57: Row(
        lambda _, __: UpdateFeaturesRequest(
            feature_updates=[FeatureUpdateKey(feature="transaction.version", max_version_level=2)]
        ),
        _pair(Op.ALTER, Kind.CLUSTER),
        _pair(Op.ALTER, Kind.CLUSTER),
        Err.CLUSTER_AUTHORIZATION_FAILED,
    ),
    60: Row(lambda _, __: DescribeClusterRequest(), set(), set(), None),
    61: Row(
        lambda named, _: describe_producers.DescribeProducersRequest(
            topics=[describe_producers.TopicRequest(name=named.topic, partition_indexes=[0])]
        ),
        _pair(Op.READ, Kind.TOPIC),
        _pair(Op.READ, Kind.TOPIC),
        Err.TOPIC_AUTHORIZATION_FAILED,
    ),
    65: Row(
        lambda _, __: DescribeTransactionsRequest(transactional_ids=["x"]),
        _pair(Op.DESCRIBE, Kind.TRANSACTIONAL_ID),
        _pair(Op.DESCRIBE, Kind.TRANSACTIONAL_ID),
        Err.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    ),
    66: Row(lambda _, __: ListTransactionsRequest(), set(), set(), None),  # of none that there is
    68: Row(
        lambda named, _: ConsumerGroupHeartbeatRequest(group_id=named.group, member_id="m"),
        set(),
        set(),
        Err.UNSUPPORTED_VERSION,
    ),
    71: Row(lambda _, __: GetTelemetrySubscriptionsRequest(), set(), set(), None),
    72: Row(
        lambda _, __: PushTelemetryRequest(client_instance_id=bytes(16)),
        set(),
        set(),
        Err.INVALID_REQUEST,
    ),
    73: Row(
        lambda _, __: AssignReplicasToDirsRequest(broker_id=1, broker_epoch=-1),
        _pair(Op.CLUSTER_ACTION, Kind.CLUSTER),
        _pair(Op.CLUSTER_ACTION, Kind.CLUSTER),
        Err.CLUSTER_AUTHORIZATION_FAILED,
    ),
    74: Row(
        lambda _, __: ListConfigResourcesRequest(),
        _pair(Op.DESCRIBE_CONFIGS, Kind.CLUSTER),
        _pair(Op.DESCRIBE_CONFIGS, Kind.CLUSTER),
        Err.CLUSTER_AUTHORIZATION_FAILED,
    ),
    75: Row(
        lambda named, _: DescribeTopicPartitionsRequest(topics=[TopicRequest(name=named.topic)]),
        # and each operation, to say which of them the client may do
        {(operation, Kind.TOPIC) for operation in Op if 3 <= operation <= 8}
        | {(Op.DESCRIBE_CONFIGS, Kind.TOPIC), (Op.ALTER_CONFIGS, Kind.TOPIC)},
        SEE_TOPIC,
        Err.TOPIC_AUTHORIZATION_FAILED,
    ),
}
