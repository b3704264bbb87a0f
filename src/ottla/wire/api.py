"""The live APIs of 4.3.1, one row each; their messages load when they are first asked for.

A node announces and the core checks versions from this table, so neither pays for 178 message
classes. Keys 4 to 7 spoke to brokers of the ZooKeeper age, and no version of them is left.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple, cast

if TYPE_CHECKING:
    from ottla.wire.schema import Request, Response

NEVER = 32767
"""The first flexible version of an API that has none."""

BROKER = ("broker",)
CONTROLLER = ("controller",)
BOTH = ("broker", "controller")

API_VERSIONS = 18
"""The key of ApiVersions, which may be asked in a version that nobody knows (KIP-511)."""


class Api(NamedTuple):
    """One API: versions from `min_version` to `max_version` are stable.

    `latest_version` is above that where Apache keeps one behind `unstable.api.versions.enable`.
    """

    key: int
    name: str
    snake_name: str
    min_version: int
    max_version: int
    first_flexible: int
    listeners: tuple[str, ...]
    latest_version: int


def _api(
    key: int,
    name: str,
    least: int,
    most: int,
    first_flexible: int,
    listeners: tuple[str, ...],
    latest: int = -1,
) -> Api:
    return Api(key, name, _snake(name), least, most, first_flexible, listeners, max(most, latest))


def _snake(name: str) -> str:
    return "".join("_" + c.lower() if c.isupper() else c for c in name)[1:]


_APIS = (
    _api(0, "Produce", 3, 13, 9, BROKER),
    _api(1, "Fetch", 4, 18, 12, BOTH),
    _api(2, "ListOffsets", 1, 11, 6, BROKER),
    _api(3, "Metadata", 0, 13, 9, BROKER),
    _api(8, "OffsetCommit", 2, 10, 8, BROKER),
    _api(9, "OffsetFetch", 1, 10, 6, BROKER),
    _api(10, "FindCoordinator", 0, 6, 3, BROKER),
    _api(11, "JoinGroup", 0, 9, 6, BROKER),
    _api(12, "Heartbeat", 0, 4, 4, BROKER),
    _api(13, "LeaveGroup", 0, 5, 4, BROKER),
    _api(14, "SyncGroup", 0, 5, 4, BROKER),
    _api(15, "DescribeGroups", 0, 6, 5, BROKER),
    _api(16, "ListGroups", 0, 5, 3, BROKER),
    _api(17, "SaslHandshake", 0, 1, NEVER, BOTH),
    _api(API_VERSIONS, "ApiVersions", 0, 4, 3, BOTH),
    _api(19, "CreateTopics", 2, 7, 5, BOTH),
    _api(20, "DeleteTopics", 1, 6, 4, BOTH),
    _api(21, "DeleteRecords", 0, 2, 2, BROKER),
    _api(22, "InitProducerId", 0, 5, 2, BROKER, 6),
    _api(23, "OffsetForLeaderEpoch", 2, 4, 4, BROKER),
    _api(24, "AddPartitionsToTxn", 0, 5, 3, BROKER),
    _api(25, "AddOffsetsToTxn", 0, 4, 3, BROKER),
    _api(26, "EndTxn", 0, 5, 3, BROKER),
    _api(27, "WriteTxnMarkers", 1, 2, 1, BROKER),
    _api(28, "TxnOffsetCommit", 0, 5, 3, BROKER),
    _api(29, "DescribeAcls", 1, 3, 2, BOTH),
    _api(30, "CreateAcls", 1, 3, 2, BOTH),
    _api(31, "DeleteAcls", 1, 3, 2, BOTH),
    _api(32, "DescribeConfigs", 1, 4, 4, BOTH),
    _api(33, "AlterConfigs", 0, 2, 2, BOTH),
    _api(34, "AlterReplicaLogDirs", 1, 2, 2, BROKER),
    _api(35, "DescribeLogDirs", 1, 5, 2, BROKER),
    _api(36, "SaslAuthenticate", 0, 2, 2, BOTH),
    _api(37, "CreatePartitions", 0, 3, 2, BOTH),
    _api(38, "CreateDelegationToken", 1, 3, 2, BOTH),
    _api(39, "RenewDelegationToken", 1, 2, 2, BOTH),
    _api(40, "ExpireDelegationToken", 1, 2, 2, BOTH),
    _api(41, "DescribeDelegationToken", 1, 3, 2, BOTH),
    _api(42, "DeleteGroups", 0, 2, 2, BROKER),
    _api(43, "ElectLeaders", 0, 2, 2, BOTH),
    _api(44, "IncrementalAlterConfigs", 0, 1, 1, BOTH),
    _api(45, "AlterPartitionReassignments", 0, 1, 0, BOTH),
    _api(46, "ListPartitionReassignments", 0, 0, 0, BOTH),
    _api(47, "OffsetDelete", 0, 0, NEVER, BROKER),
    _api(48, "DescribeClientQuotas", 0, 1, 1, BROKER),
    _api(49, "AlterClientQuotas", 0, 1, 1, BOTH),
    _api(50, "DescribeUserScramCredentials", 0, 0, 0, BOTH),
    _api(51, "AlterUserScramCredentials", 0, 0, 0, BOTH),
    _api(52, "Vote", 0, 2, 0, CONTROLLER),
    _api(53, "BeginQuorumEpoch", 0, 1, 1, CONTROLLER),
    _api(54, "EndQuorumEpoch", 0, 1, 1, CONTROLLER),
    _api(55, "DescribeQuorum", 0, 2, 0, BOTH),
    _api(56, "AlterPartition", 2, 3, 0, CONTROLLER),
    _api(57, "UpdateFeatures", 0, 2, 0, BOTH),
    _api(58, "Envelope", 0, 0, 0, CONTROLLER),
    _api(59, "FetchSnapshot", 0, 1, 0, CONTROLLER),
    _api(60, "DescribeCluster", 0, 2, 0, BOTH),
    _api(61, "DescribeProducers", 0, 0, 0, BROKER),
    _api(62, "BrokerRegistration", 0, 4, 0, CONTROLLER),
    _api(63, "BrokerHeartbeat", 0, 2, 0, CONTROLLER),
    _api(64, "UnregisterBroker", 0, 0, 0, BOTH),
    _api(65, "DescribeTransactions", 0, 0, 0, BROKER),
    _api(66, "ListTransactions", 0, 2, 0, BROKER),
    _api(67, "AllocateProducerIds", 0, 0, 0, CONTROLLER),
    _api(68, "ConsumerGroupHeartbeat", 0, 1, 0, BROKER),
    _api(69, "ConsumerGroupDescribe", 0, 1, 0, BROKER),
    _api(70, "ControllerRegistration", 0, 0, 0, CONTROLLER),
    _api(71, "GetTelemetrySubscriptions", 0, 0, 0, BROKER),
    _api(72, "PushTelemetry", 0, 0, 0, BROKER),
    _api(73, "AssignReplicasToDirs", 0, 0, 0, CONTROLLER),
    _api(74, "ListConfigResources", 0, 1, 0, BROKER),
    _api(75, "DescribeTopicPartitions", 0, 0, 0, BROKER),
    _api(76, "ShareGroupHeartbeat", 1, 1, 0, BROKER),
    _api(77, "ShareGroupDescribe", 1, 1, 0, BROKER),
    _api(78, "ShareFetch", 1, 2, 0, BROKER),
    _api(79, "ShareAcknowledge", 1, 2, 0, BROKER),
    _api(80, "AddRaftVoter", 0, 1, 0, BOTH),
    _api(81, "RemoveRaftVoter", 0, 0, 0, BOTH),
    _api(82, "UpdateRaftVoter", 0, 0, 0, CONTROLLER),
    _api(83, "InitializeShareGroupState", 0, 0, 0, BROKER),
    _api(84, "ReadShareGroupState", 0, 0, 0, BROKER),
    _api(85, "WriteShareGroupState", 0, 1, 0, BROKER),
    _api(86, "DeleteShareGroupState", 0, 0, 0, BROKER),
    _api(87, "ReadShareGroupStateSummary", 0, 1, 0, BROKER),
    _api(88, "StreamsGroupHeartbeat", 0, 0, 0, BROKER),
    _api(89, "StreamsGroupDescribe", 0, 0, 0, BROKER),
    _api(90, "DescribeShareGroupOffsets", 0, 1, 0, BROKER),
    _api(91, "AlterShareGroupOffsets", 0, 0, 0, BROKER),
    _api(92, "DeleteShareGroupOffsets", 0, 0, 0, BROKER),
)

_BY_KEY = {api.key: api for api in _APIS}


def apis() -> tuple[Api, ...]:
    """All live APIs by rising key."""
    return _APIS


def api(key: int) -> Api:
    """The API of a key.

    Raises:
        KeyError: 4.3.1 serves no such key.
    """
    return _BY_KEY[key]


@cache
def request_class(key: int) -> type[Request]:
    """The request of an API; its module is imported at the first call."""
    return cast("type[Request]", _load(_BY_KEY[key], "Request"))


@cache
def response_class(key: int) -> type[Response]:
    """The response of an API; its module is imported at the first call."""
    return cast("type[Response]", _load(_BY_KEY[key], "Response"))


def _load(row: Api, suffix: str) -> object:
    module = __import__(f"ottla.wire.messages.{row.snake_name}", fromlist=(row.name,))
    return getattr(module, row.name + suffix)
