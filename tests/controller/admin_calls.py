"""Admin requests whose answers and records were taken down from Apache Kafka 4.3.1.

`record_admin_calls.py` sends them to a real node and writes `admin-calls-4.3.1.json`;
`test_controller_admin_calls.py` puts them to our controller and compares. Topic ids are not known
beforehand: a request may be a function of the ids by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ottla.wire.messages.create_partitions import (
    CreatePartitionsAssignment,
    CreatePartitionsRequest,
    CreatePartitionsTopic,
)
from ottla.wire.messages.create_topics import (
    CreatableReplicaAssignment,
    CreatableTopic,
    CreatableTopicConfig,
    CreateTopicsRequest,
)
from ottla.wire.messages.delete_topics import DeleteTopicsRequest, DeleteTopicState
from ottla.wire.messages.incremental_alter_configs import (
    AlterableConfig,
    AlterConfigsResource,
    IncrementalAlterConfigsRequest,
)
from ottla.wire.messages.list_partition_reassignments import ListPartitionReassignmentsRequest
from ottla.wire.messages.update_features import FeatureUpdateKey, UpdateFeaturesRequest

Ids = Mapping[str, bytes]
Call = tuple[str, Any, int]
"""A name, a request or a function of the topic ids that makes one, and the version to send it
in.
"""

TOPIC, BROKER, LOGGER, GROUP = 2, 4, 8, 32
SET, DELETE, APPEND, SUBTRACT = range(4)


def _topics(*topics: CreatableTopic, validate_only: bool = False) -> CreateTopicsRequest:
    return CreateTopicsRequest(topics=list(topics), validate_only=validate_only)


def _topic(
    name: str, partitions: int = 1, replicas: int = 1, **configs: str | None
) -> CreatableTopic:
    return CreatableTopic(
        name=name,
        num_partitions=partitions,
        replication_factor=replicas,
        configs=[
            CreatableTopicConfig(name=key.replace("_", "."), value=value)
            for key, value in configs.items()
        ],
    )


def _assigned(
    name: str, assignments: Mapping[int, list[int]], partitions: int = -1, replicas: int = -1
) -> CreatableTopic:
    return CreatableTopic(
        name=name,
        num_partitions=partitions,
        replication_factor=replicas,
        assignments=[
            CreatableReplicaAssignment(partition_index=index, broker_ids=brokers)
            for index, brokers in assignments.items()
        ],
    )


def _grow(
    name: str, count: int, assignments: list[list[int]] | None = None
) -> CreatePartitionsTopic:
    return CreatePartitionsTopic(
        name=name,
        count=count,
        assignments=None
        if assignments is None
        else [CreatePartitionsAssignment(broker_ids=brokers) for brokers in assignments],
    )


def _partitions(
    *topics: CreatePartitionsTopic, validate_only: bool = False
) -> CreatePartitionsRequest:
    return CreatePartitionsRequest(
        topics=list(topics), timeout_ms=10_000, validate_only=validate_only
    )


def _alter(
    kind: int, name: str, *changes: tuple[int, str, str | None], validate_only: bool = False
) -> IncrementalAlterConfigsRequest:
    resource = AlterConfigsResource(
        resource_type=kind,
        resource_name=name,
        configs=[
            AlterableConfig(name=key, config_operation=operation, value=value)
            for operation, key, value in changes
        ],
    )
    return IncrementalAlterConfigsRequest(resources=[resource], validate_only=validate_only)


def _delete_names(*names: str) -> DeleteTopicsRequest:
    return DeleteTopicsRequest(
        topics=[DeleteTopicState(name=name) for name in names], timeout_ms=10_000
    )


def _delete_id(name: str) -> Callable[[Ids], DeleteTopicsRequest]:
    return lambda ids: DeleteTopicsRequest(
        topics=[DeleteTopicState(name=None, topic_id=ids[name])], timeout_ms=10_000
    )


def _delete_both(name: str) -> Callable[[Ids], DeleteTopicsRequest]:
    return lambda ids: DeleteTopicsRequest(
        topics=[DeleteTopicState(name=name, topic_id=ids[name])], timeout_ms=10_000
    )


def _delete_name_and_id(name: str) -> Callable[[Ids], DeleteTopicsRequest]:
    return lambda ids: DeleteTopicsRequest(
        topics=[DeleteTopicState(name=name), DeleteTopicState(name=None, topic_id=ids[name])],
        timeout_ms=10_000,
    )


def _features(*updates: tuple[str, int, int], validate_only: bool = False) -> UpdateFeaturesRequest:
    return UpdateFeaturesRequest(
        feature_updates=[
            FeatureUpdateKey(feature=name, max_version_level=level, upgrade_type=kind)
            for name, level, kind in updates
        ],
        validate_only=validate_only,
    )


TV, ELR, MV = "transaction.version", "eligible.leader.replicas.version", "metadata.version"
UPGRADE, SAFE, UNSAFE = 1, 2, 3

CALLS: tuple[Call, ...] = (
    ("create one", _topics(_topic("one")), 7),
    ("create with defaults", _topics(_topic("defaults", -1, -1)), 7),
    ("create three partitions", _topics(_topic("three", 3)), 7),
    (
        "create with configs",
        _topics(_topic("set", 2, retention_ms="1000", cleanup_policy="compact")),
        7,
    ),
    ("create at version 4", _topics(_topic("old")), 4),
    ("create only to validate", _topics(_topic("never", 2), validate_only=True), 7),
    ("create again", _topics(_topic("one")), 7),
    ("create twice in one", _topics(_topic("twice"), _topic("twice")), 7),
    ("create some good some bad", _topics(_topic("good"), _topic("b ad"), _topic("fine")), 7),
    ("create with a dot", _topics(_topic("a.b")), 7),
    ("create a collision", _topics(_topic("a_b")), 7),
    ("create collisions at once", _topics(_topic("c.d"), _topic("c_d")), 7),
    ("create the empty name", _topics(_topic("")), 7),
    ("create dot", _topics(_topic(".")), 7),
    ("create a long name", _topics(_topic("x" * 250)), 7),
    ("create a umlaut", _topics(_topic("ü")), 7),
    ("create the metadata topic", _topics(_topic("__cluster_metadata")), 7),
    ("create no partitions", _topics(_topic("none", 0)), 7),
    ("create minus two partitions", _topics(_topic("none", -2)), 7),
    ("create no replicas", _topics(_topic("none", 1, 0)), 7),
    ("create too many replicas", _topics(_topic("none", 1, 3)), 7),
    ("create too many partitions", _topics(_topic("none", 10_001)), 7),
    ("create with an unknown config", _topics(_topic("none", 1, 1, bogus="1")), 7),
    ("create with a wrong config", _topics(_topic("none", 1, 1, retention_ms="soon")), 7),
    ("create with a null config", _topics(_topic("none", 1, 1, retention_ms=None)), 7),
    ("create assigned", _topics(_assigned("manual", {0: [1], 1: [1]})), 7),
    ("create assigned out of order", _topics(_assigned("manual2", {1: [1], 0: [1]})), 7),
    ("create assigned with a hole", _topics(_assigned("none", {0: [1], 2: [1]})), 7),
    ("create assigned to nobody", _topics(_assigned("none", {0: []})), 7),
    ("create assigned to a stranger", _topics(_assigned("none", {0: [7]})), 7),
    ("create assigned twice", _topics(_assigned("none", {0: [1, 1]})), 7),
    ("create assigned and counted", _topics(_assigned("none", {0: [1]}, partitions=1)), 7),
    ("create assigned and replicated", _topics(_assigned("none", {0: [1]}, replicas=1)), 7),
    ("grow", _partitions(_grow("one", 3)), 3),
    ("grow assigned", _partitions(_grow("one", 5, [[1], [1]])), 3),
    ("grow only to validate", _partitions(_grow("one", 9), validate_only=True), 3),
    ("grow to the same", _partitions(_grow("one", 5)), 3),
    ("grow to less", _partitions(_grow("one", 2)), 3),
    ("grow to nothing", _partitions(_grow("one", 0)), 3),
    ("grow a stranger", _partitions(_grow("stranger", 2)), 3),
    ("grow with too few assignments", _partitions(_grow("one", 8, [[1]])), 3),
    ("grow assigned to a stranger", _partitions(_grow("one", 6, [[9]])), 3),
    ("grow assigned to nobody", _partitions(_grow("one", 6, [[]])), 3),
    ("grow twice in one", _partitions(_grow("one", 6), _grow("one", 7)), 3),
    ("grow some", _partitions(_grow("three", 4), _grow("stranger", 4)), 3),
    ("alter", _alter(TOPIC, "one", (SET, "retention.ms", "5000")), 1),
    ("alter to the same", _alter(TOPIC, "one", (SET, "retention.ms", "5000")), 1),
    (
        "alter only to validate",
        _alter(TOPIC, "one", (SET, "retention.ms", "9"), validate_only=True),
        1,
    ),
    ("alter by append", _alter(TOPIC, "one", (APPEND, "cleanup.policy", "compact")), 1),
    ("alter by subtract", _alter(TOPIC, "one", (SUBTRACT, "cleanup.policy", "delete")), 1),
    ("alter append to a number", _alter(TOPIC, "one", (APPEND, "retention.ms", "1")), 1),
    ("alter by delete", _alter(TOPIC, "one", (DELETE, "retention.ms", None)), 1),
    ("alter delete of what is not set", _alter(TOPIC, "one", (DELETE, "segment.bytes", None)), 1),
    ("alter the minimum in sync", _alter(TOPIC, "one", (SET, "min.insync.replicas", "2")), 1),
    ("alter the minimum back", _alter(TOPIC, "one", (DELETE, "min.insync.replicas", None)), 1),
    ("alter an unknown key", _alter(TOPIC, "one", (SET, "bogus", "1")), 1),
    ("alter to a wrong value", _alter(TOPIC, "one", (SET, "retention.ms", "x")), 1),
    ("alter to null", _alter(TOPIC, "one", (SET, "retention.ms", None)), 1),
    (
        "alter one key twice",
        _alter(TOPIC, "one", (SET, "retention.ms", "1"), (SET, "retention.ms", "2")),
        1,
    ),
    ("alter a stranger", _alter(TOPIC, "stranger", (SET, "retention.ms", "1")), 1),
    ("alter the default topic", _alter(TOPIC, "", (SET, "retention.ms", "1")), 1),
    ("alter this broker", _alter(BROKER, "1", (SET, "log.retention.ms", "5000")), 1),
    ("alter all brokers", _alter(BROKER, "", (SET, "log.retention.ms", "6000")), 1),
    ("alter another broker", _alter(BROKER, "7", (SET, "log.retention.ms", "5000")), 1),
    ("alter a broker by name", _alter(BROKER, "x", (SET, "log.retention.ms", "5000")), 1),
    ("alter what is static", _alter(BROKER, "1", (SET, "log.dirs", "/x")), 1),
    ("alter a broker to nonsense", _alter(BROKER, "1", (SET, "log.retention.ms", "x")), 1),
    ("alter this broker's minimum", _alter(BROKER, "1", (SET, "min.insync.replicas", "2")), 1),
    ("alter the cluster's minimum", _alter(BROKER, "", (SET, "min.insync.replicas", "2")), 1),
    ("alter the minimum once more", _alter(BROKER, "", (SET, "min.insync.replicas", "1")), 1),
    ("remove the cluster's minimum", _alter(BROKER, "", (DELETE, "min.insync.replicas", None)), 1),
    ("alter back", _alter(BROKER, "1", (DELETE, "log.retention.ms", None)), 1),
    ("alter a group", _alter(GROUP, "g", (SET, "consumer.session.timeout.ms", "50000")), 1),
    (
        "alter the default group",
        _alter(GROUP, "", (SET, "consumer.session.timeout.ms", "50000")),
        1,
    ),
    ("alter what is nothing", _alter(3, "x", (SET, "a", "b")), 1),
    ("list reassignments", ListPartitionReassignmentsRequest(timeout_ms=10_000), 0),
    ("delete by name", _delete_names("good"), 6),
    ("delete with configs", _delete_names("set"), 6),
    ("delete by id", _delete_id("fine"), 6),
    ("delete a stranger", _delete_names("stranger"), 6),
    (
        "delete a strange id",
        DeleteTopicsRequest(
            topics=[DeleteTopicState(name=None, topic_id=bytes(range(16)))], timeout_ms=10_000
        ),
        6,
    ),
    (
        "delete neither",
        DeleteTopicsRequest(topics=[DeleteTopicState(name=None)], timeout_ms=10_000),
        6,
    ),
    ("delete by both", _delete_both("old"), 6),
    ("delete name and id", _delete_name_and_id("old"), 6),
    ("delete a name twice", _delete_names("old", "old"), 6),
    (
        "delete at version 5",
        DeleteTopicsRequest(topic_names=["old", "stranger"], timeout_ms=10_000),
        5,
    ),
    ("create a name anew", _topics(_topic("old")), 7),
    ("lower a feature without a flag", _features((TV, 1, UPGRADE)), 2),
    ("lower a feature only to validate", _features((TV, 1, SAFE), validate_only=True), 2),
    ("lower a feature", _features((TV, 1, SAFE)), 2),
    ("lower a feature to nothing", _features((TV, 0, UNSAFE)), 1),
    ("lower a feature upwards", _features((TV, 2, SAFE)), 2),
    ("raise a feature in version 0", _features((TV, 2, UPGRADE)), 0),
    ("raise a feature to the same", _features((TV, 2, UPGRADE)), 2),
    ("raise metadata.version to the same", _features((MV, 30, UPGRADE)), 2),
    ("lower metadata.version", _features((MV, 29, SAFE)), 2),
    ("lower metadata.version in spite of all", _features((MV, 29, UNSAFE)), 2),
    ("lower metadata.version below the least", _features((MV, 6, UNSAFE)), 2),
    ("raise metadata.version to the unstable", _features((MV, 31, UPGRADE)), 2),
    ("raise the features to the same in one", _features((TV, 2, 1), (ELR, 1, 1)), 2),
    ("raise one of two that is unknown", _features((TV, 2, UPGRADE), ("nope", 1, UPGRADE)), 2),
    ("stop eligible leaders", _features((ELR, 0, SAFE)), 2),
    ("a minimum in sync of one broker", _alter(BROKER, "1", (SET, "min.insync.replicas", "1")), 1),
    ("no cluster's minimum any more", _alter(BROKER, "", (DELETE, "min.insync.replicas", None)), 1),
    ("begin eligible leaders to validate", _features((ELR, 1, UPGRADE), validate_only=True), 2),
    ("begin eligible leaders", _features((ELR, 1, UPGRADE)), 2),
)
