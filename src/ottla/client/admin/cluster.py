"""Admin calls about the cluster: its nodes, their APIs, log dirs, the quorum, its features."""

from __future__ import annotations

from typing import Any, NamedTuple

from ottla.client.client import Client
from ottla.client.connecting.connection import Connection
from ottla.client.errors import ApiNotSupported, check
from ottla.metadata.topic_names import METADATA_TOPIC


class Broker(NamedTuple):
    """A broker as DescribeCluster names it."""

    id: int
    host: str
    port: int
    rack: str | None
    fenced: bool


class Cluster(NamedTuple):
    """The cluster's id and who is in it."""

    id: str
    controller: int
    brokers: list[Broker]


class ApiRange(NamedTuple):
    """Versions of one API that a node serves; `usable` is the newest that this client knows too."""

    key: int
    name: str
    min_version: int
    max_version: int
    usable: int | None


class LogDirRow(NamedTuple):
    """One partition in a log dir: its bytes, and how far it lies behind the replica that counts."""

    topic: str
    partition: int
    size: int
    lag: int
    future: bool


class LogDir(NamedTuple):
    """One folder of a broker with the partitions in it."""

    broker: int
    path: str
    error_code: int
    rows: list[LogDirRow]
    total_bytes: int
    usable_bytes: int

    @property
    def partitions(self) -> dict[tuple[str, int], int]:
        """The bytes of each partition."""
        return {(row.topic, row.partition): row.size for row in self.rows}


BROKERS, CONTROLLERS = 1, 2
"""What kind of nodes DescribeCluster tells of: that of the node that is asked."""


def describe(client: Client, *, fenced: bool = False, kind: int = BROKERS) -> Cluster:
    """The cluster's id, controller and brokers (fenced ones if wanted), or its controllers.

    Raises:
        BrokerError: the node is of the other kind.
    """
    from ottla.wire.messages.describe_cluster import DescribeClusterRequest

    def ask() -> Any:
        version = client.connection().version_for(DescribeClusterRequest)
        request = DescribeClusterRequest(include_fenced_brokers=fenced and version >= 2)
        if version >= 1:
            request.endpoint_type = kind
        response = client.request(request)
        check(response.error_code, response.error_message)
        return response

    found = client.attempt(ask)
    brokers = [Broker(b.broker_id, b.host, b.port, b.rack, b.is_fenced) for b in found.brokers]
    return Cluster(found.cluster_id, found.controller_id, brokers)


def unregister(client: Client, broker_id: int) -> None:
    """Have the cluster forget a broker.

    Raises:
        ApiNotSupported: the node serves no such API.
        BrokerError: it refuses.
    """
    from ottla.wire.messages.unregister_broker import UnregisterBrokerRequest

    def ask() -> None:
        response = client.request(UnregisterBrokerRequest(broker_id=broker_id))
        check(response.error_code, response.error_message)

    client.attempt(ask)


def api_ranges(client: Client, node_id: int) -> list[ApiRange]:
    """What a node serves, in the order of the keys."""
    from ottla.wire import api

    connection = client.connection(node_id)
    known = {row.key: row for row in api.apis()}
    found = []
    for row in sorted(connection.api_versions.api_keys, key=lambda row: int(row.api_key)):
        ours = known.get(row.api_key)
        usable = None
        if ours is not None:
            newest = min(row.max_version, ours.max_version)
            if newest >= max(row.min_version, ours.min_version):
                usable = newest
        name = ours.name if ours is not None else f"UNKNOWN({row.api_key})"
        found.append(ApiRange(row.api_key, name, row.min_version, row.max_version, usable))
    return found


def log_dirs(client: Client, node_ids: list[int] | None = None) -> list[LogDir]:
    """The log dirs of some brokers, or of all."""
    from ottla.wire.messages.describe_log_dirs import DescribeLogDirsRequest

    def ask(_: Connection, node_id: int) -> Any:
        return DescribeLogDirsRequest(topics=None)

    def read(response: Any) -> Any:
        check(response.error_code)
        return response.results

    found = []
    nodes = client.attempt(client.nodes) if node_ids is None else node_ids
    for node_id, rows in client.attempt_nodes(nodes, ask, read).items():
        for row in rows:
            partitions = [
                LogDirRow(
                    topic.name,
                    p.partition_index,
                    int(p.partition_size),
                    p.offset_lag,
                    p.is_future_key,
                )
                for topic in row.topics
                for p in topic.partitions
            ]
            found.append(
                LogDir(
                    node_id,
                    row.log_dir,
                    row.error_code,
                    partitions,
                    row.total_bytes,
                    row.usable_bytes,
                )
            )
    return found


def move(client: Client, node_id: int, path: str, partitions: list[tuple[str, int]]) -> list[int]:
    """Let a broker keep partitions in this log dir of its; an error code for each. Asking for the
    dir that one is in takes a move back.
    """
    from ottla.wire.messages import alter_replica_log_dirs as m

    topics: dict[str, m.AlterReplicaLogDirTopic] = {}
    for topic, partition in partitions:
        row = topics.setdefault(topic, m.AlterReplicaLogDirTopic(name=topic))
        row.partitions.append(partition)
    wanted = m.AlterReplicaLogDir(path=path, topics=list(topics.values()))

    def ask(_: Connection, node: int) -> Any:
        return m.AlterReplicaLogDirsRequest(dirs=[wanted])

    def read(response: Any) -> Any:
        return {
            (row.topic_name, p.partition_index): p.error_code
            for row in response.results
            for p in row.partitions
        }

    told = client.attempt_nodes([node_id], ask, read)[node_id]
    return [told[partition] for partition in partitions]


def quorum(client: Client) -> Any:
    """DescribeQuorum's answer for the metadata partition: leader, epoch, voters, observers."""
    return quorum_and_nodes(client)[0]


def quorum_and_nodes(client: Client) -> tuple[Any, Any]:
    """What `quorum` tells, and where the voters listen (nowhere before version 2)."""
    from ottla.wire.messages import describe_quorum as m

    request = m.DescribeQuorumRequest(
        topics=[
            m.DescribeQuorumRequestTopicData(
                topic_name=METADATA_TOPIC,
                partitions=[m.DescribeQuorumRequestPartitionData(partition_index=0)],
            )
        ]
    )

    def ask() -> tuple[Any, Any]:
        response = client.request(request)
        check(response.error_code, response.error_message)
        partition = response.topics[0].partitions[0]
        check(partition.error_code, partition.error_message)
        return partition, response.nodes

    return client.attempt(ask)


def features(client: Client) -> dict[str, int]:
    """The cluster's finalized feature levels.

    Raises:
        ApiNotSupported: the node tells of none.
    """
    answer = client.connection().api_versions
    if answer.finalized_features_epoch < 0:
        raise ApiNotSupported("the node knows no finalized features yet")
    return {row.name: row.max_version_level for row in answer.finalized_features}
