"""Conversations about versions, metadata, topics and configs."""

from __future__ import annotations

import struct
from typing import Any

from conformance.talk import Talk
from ottla.wire.messages.api_versions import ApiVersionsRequest
from ottla.wire.messages.create_partitions import CreatePartitionsRequest, CreatePartitionsTopic
from ottla.wire.messages.create_topics import (
    CreatableReplicaAssignment,
    CreatableTopic,
    CreatableTopicConfig,
    CreateTopicsRequest,
)
from ottla.wire.messages.delete_topics import DeleteTopicsRequest, DeleteTopicState
from ottla.wire.messages.describe_acls import DescribeAclsRequest
from ottla.wire.messages.describe_cluster import DescribeClusterRequest
from ottla.wire.messages.describe_configs import DescribeConfigsRequest, DescribeConfigsResource
from ottla.wire.messages.describe_topic_partitions import (
    DescribeTopicPartitionsRequest,
    TopicRequest,
)
from ottla.wire.messages.incremental_alter_configs import (
    AlterableConfig,
    AlterConfigsResource,
    IncrementalAlterConfigsRequest,
)
from ottla.wire.messages.list_config_resources import ListConfigResourcesRequest
from ottla.wire.messages.list_offsets import (
    ListOffsetsPartition,
    ListOffsetsRequest,
    ListOffsetsTopic,
)
from ottla.wire.messages.list_partition_reassignments import ListPartitionReassignmentsRequest
from ottla.wire.messages.metadata import MetadataRequest, MetadataRequestTopic

SERVED = {
    "produce fetch list-offsets metadata": (0, 1, 2, 3),
    "groups": (8, 9, 10, 11, 12, 13, 14, 15, 16, 42, 47),
    "topics and records": (19, 20, 21, 23, 37, 75),
    "producers": (22,),
    "configs and cluster": (18, 29, 32, 33, 35, 44, 46, 55, 60, 74),
}
TOPIC, BROKER, GROUP = 2, 4, 32


def create(talk: Talk, topic: str, partitions: int = 1, **config: str) -> bytes:
    """Create a topic, wait until it has leaders, and return its id."""
    configs = [CreatableTopicConfig(name=k.replace("_", "."), value=v) for k, v in config.items()]
    new = CreatableTopic(
        name=topic, num_partitions=partitions, replication_factor=1, configs=configs
    )
    answer = talk.ask(CreateTopicsRequest(topics=[new]), 7, note=False)
    assert answer.topics[0].error_code == 0, answer
    found: bytes = answer.topics[0].topic_id
    rows = [ListOffsetsPartition(partition_index=p, timestamp=-1) for p in range(partitions)]
    ask = ListOffsetsRequest(replica_id=-1, topics=[ListOffsetsTopic(name=topic, partitions=rows)])
    while any(p.error_code for p in talk.ask(ask, 5, note=False).topics[0].partitions):
        pass  # Apache's leaders run behind its metadata
    return found


def settle(talk: Talk, stem: str) -> None:
    """Wait until the broker has seen all changes so far: it sees them in order."""
    create(talk, talk.topic(f"settle-{stem}"))


def case_api_versions(talk: Talk) -> None:
    """The ranges of versions that are served, and the features that are supported and final."""
    for version in range(5):
        request = ApiVersionsRequest(client_software_name="c", client_software_version="1")
        answer = talk.ask(request, version, note=False)
        served = {key for keys in SERVED.values() for key in keys}
        rows = [k for k in answer.api_keys if k.api_key in served]
        talk.note([f"{k.api_key}: {k.min_version}-{k.max_version}" for k in rows])
        if version >= 3:
            supported = answer.supported_features
            talk.note(sorted(f"{f.name} {f.min_version} {f.max_version}" for f in supported))
            final = answer.finalized_features
            talk.note(sorted(f"{f.name} {f.max_version_level}" for f in final))
            talk.note(answer.finalized_features_epoch >= 0)
            talk.note(answer.zk_migration_ready)


def case_api_versions_of_an_unknown_version(talk: Talk) -> None:
    """ApiVersions v99 is answered in v0 with error 35 and the one range that matters."""
    payload = struct.pack(">hhih4s", 18, 99, 5, 4, b"test") + b"\0\2c\2d\0"
    talk.note(talk.exchange(payload).hex())


def case_api_versions_with_a_bad_software_name(talk: Talk) -> None:
    """KIP-511: names are checked from v3 on."""
    for software in ("", "-x", "a b", "ok-name.1"):
        request = ApiVersionsRequest(client_software_name=software, client_software_version="1")
        answer = talk.ask(request, 3, note=False)
        talk.note([software, answer.error_code, len(answer.api_keys) > 0])


def case_requests_that_end_the_connection(talk: Talk) -> None:
    """What can't be parsed, or is of an unknown version or API, ends the connection silently."""
    header = struct.pack(">ih4s", 5, 4, b"test")
    hostile = {
        "unknown api": struct.pack(">hh", 999, 0) + header,
        "negative api": struct.pack(">hh", -5, 0) + header,
        "produce v2": struct.pack(">hh", 0, 2) + header,
        "metadata v99": struct.pack(">hh", 3, 99) + header,
        "empty": b"",
        "one byte": b"\0",
        "header cut": struct.pack(">hhi", 3, 1, 5),
        "body missing": struct.pack(">hh", 3, 1) + header,
        "client id too long": struct.pack(">hhih", 3, 1, 5, 500) + b"x",
        "huge array": struct.pack(">hh", 3, 1) + header + struct.pack(">i", 2**31 - 1),
        "broker-only api": struct.pack(">hh", 52, 0) + header,
    }
    for name, payload in hostile.items():
        talk.note([name, talk.is_closed_after(payload)])
        talk.hang_up()
    talk.send(struct.pack(">i", -1))
    talk.note(talk.is_closed_after(b""))
    talk.send(struct.pack(">i", 2**31 - 1))
    talk.note(talk.is_closed_after(b""))


def case_metadata(talk: Talk) -> None:
    """Every version, for a topic that exists, one that doesn't, and a bad name."""
    topic = talk.topic()
    topic_id = create(talk, topic, 2)
    for version in range(14):
        names = [topic] if version < 1 else [topic, talk.topic("missing"), "bad/name", ""]
        rows = [MetadataRequestTopic(name=n) for n in names]
        kwargs: dict[str, Any] = {"allow_auto_topic_creation": False} if version >= 4 else {}
        if version >= 4:
            answer = talk.ask(MetadataRequest(topics=rows, **kwargs), version)
        else:
            answer = talk.ask(MetadataRequest(topics=rows[:1]), version)
        assert answer.topics[0].name == topic
    for version in (10, 12, 13):
        unknown = [MetadataRequestTopic(name=None, topic_id=b"\1" * 16)]
        talk.ask(MetadataRequest(topics=unknown, allow_auto_topic_creation=False), version)
    known = [MetadataRequestTopic(name=None, topic_id=topic_id)]
    talk.ask(MetadataRequest(topics=known), 12)
    talk.ask(MetadataRequest(topics=[]), 12)
    authorized = MetadataRequest(
        topics=[MetadataRequestTopic(name=topic)], include_topic_authorized_operations=True
    )
    talk.ask(authorized, 12)
    with_cluster = MetadataRequest(topics=[], include_cluster_authorized_operations=True)
    talk.ask(with_cluster, 10)


def case_metadata_creates_a_topic(talk: Talk) -> None:
    """The first answer for a topic that gets created on the way: there, or not yet."""
    row = MetadataRequestTopic(name=talk.topic())
    (found,) = talk.ask(MetadataRequest(topics=[row]), 12, note=False).topics
    talk.note([found.name, found.error_code in (0, 3, 5)])
    create_again = CreatableTopic(name=talk.topic(), num_partitions=1, replication_factor=1)
    talk.ask(CreateTopicsRequest(topics=[create_again], timeout_ms=5000), 5)


def case_create_topics_errors(talk: Talk) -> None:
    """Each way in which CreateTopics refuses."""
    taken = talk.topic("taken")
    create(talk, taken)
    topics = [*_badly_named(talk, taken), *_badly_configured(talk), *_badly_assigned(talk)]
    for topic in topics:
        answer = talk.ask(CreateTopicsRequest(topics=[topic]), 7, note=False)
        (row,) = answer.topics
        talk.note([row.name, row.error_code, row.error_message, row.num_partitions])
    both = [t for t in topics if t.name == talk.topic("twice")]
    talk.ask(CreateTopicsRequest(topics=both), 5)


def _badly_named(talk: Talk, taken: str) -> list[CreatableTopic]:
    """Names and counts that are refused, by themselves or in twos."""
    return [
        CreatableTopic(name=taken, num_partitions=1, replication_factor=1),
        CreatableTopic(name="", num_partitions=1, replication_factor=1),
        CreatableTopic(name=".", num_partitions=1, replication_factor=1),
        CreatableTopic(name="a b", num_partitions=1, replication_factor=1),
        CreatableTopic(name="x" * 250, num_partitions=1, replication_factor=1),
        CreatableTopic(name=talk.topic("p0"), num_partitions=0, replication_factor=1),
        CreatableTopic(name=talk.topic("p-2"), num_partitions=-2, replication_factor=1),
        CreatableTopic(name=talk.topic("r0"), num_partitions=1, replication_factor=0),
        CreatableTopic(name=talk.topic("r2"), num_partitions=1, replication_factor=2),
        CreatableTopic(name=talk.topic("twice"), num_partitions=1, replication_factor=1),
        CreatableTopic(name=talk.topic("twice"), num_partitions=1, replication_factor=1),
    ]


def _badly_configured(talk: Talk) -> list[CreatableTopic]:
    config = CreatableTopicConfig
    return [
        CreatableTopic(
            name=talk.topic("c1"),
            num_partitions=1,
            replication_factor=1,
            configs=[config(name="no.such", value="1")],
        ),
        CreatableTopic(
            name=talk.topic("c2"),
            num_partitions=1,
            replication_factor=1,
            configs=[config(name="retention.ms", value="x")],
        ),
        CreatableTopic(
            name=talk.topic("c3"),
            num_partitions=1,
            replication_factor=1,
            configs=[config(name="retention.ms", value=None)],
        ),
    ]


def _badly_assigned(talk: Talk) -> list[CreatableTopic]:
    assigned = CreatableReplicaAssignment
    return [
        CreatableTopic(
            name=talk.topic("a1"),
            num_partitions=1,
            replication_factor=1,
            assignments=[assigned(partition_index=0, broker_ids=[1])],
        ),
        CreatableTopic(
            name=talk.topic("a2"),
            num_partitions=-1,
            replication_factor=-1,
            assignments=[assigned(partition_index=1, broker_ids=[1])],
        ),
        CreatableTopic(
            name=talk.topic("a3"),
            num_partitions=-1,
            replication_factor=-1,
            assignments=[assigned(partition_index=0, broker_ids=[77])],
        ),
        CreatableTopic(
            name=talk.topic("a4"),
            num_partitions=-1,
            replication_factor=-1,
            assignments=[assigned(partition_index=0, broker_ids=[1, 1])],
        ),
    ]


def case_create_topics(talk: Talk) -> None:
    """What each version answers for a good topic, and what validate_only leaves undone."""
    for version in range(2, 8):
        topic = CreatableTopic(
            name=talk.topic(f"v{version}"),
            num_partitions=2,
            replication_factor=1,
            configs=[CreatableTopicConfig(name="retention.ms", value="1000")],
        )
        for validate_only in (True, False):
            request = CreateTopicsRequest(topics=[topic], validate_only=validate_only)
            answer = talk.ask(request, version, note=False)
            (row,) = answer.topics
            talk.note({"topic_id": row.topic_id, "error": row.error_code, "name": row.name})
            talk.note([row.num_partitions, row.replication_factor, row.topic_config_error_code])
            configs = sorted(row.configs or [], key=lambda c: c.name)
            talk.note([plain_config(c) for c in configs if c.name not in MOVABLE])
    defaults = CreatableTopic(name=talk.topic("d"), num_partitions=-1, replication_factor=-1)
    answer = talk.ask(CreateTopicsRequest(topics=[defaults]), 7, note=False)
    talk.note([answer.topics[0].num_partitions, answer.topics[0].replication_factor])


MOVABLE: set[str] = set()


def plain_config(row: Any) -> str:
    """One config of CreateTopics' answer on one line."""
    return f"{row.name}={row.value} {row.config_source} {row.read_only} {row.is_sensitive}"


def case_delete_topics(talk: Talk) -> None:
    """Deleting by name and by id, of what exists and what doesn't."""
    talk.ask(DeleteTopicsRequest(timeout_ms=5000, topic_names=[talk.topic("missing")]), 3)
    for version in (1, 4, 5):
        topic = talk.topic(f"v{version}")
        create(talk, topic)
        talk.ask(DeleteTopicsRequest(timeout_ms=5000, topic_names=[topic]), version)
    topic_id = create(talk, talk.topic("v6"))
    talk.ask(DeleteTopicsRequest(timeout_ms=5000, topics=[DeleteTopicState(topic_id=topic_id)]), 6)
    kept = create(talk, talk.topic("kept"))
    refused = [
        DeleteTopicState(name=talk.topic("missing")),
        DeleteTopicState(topic_id=b"\1" * 16),
        DeleteTopicState(name=talk.topic("both"), topic_id=b"\2" * 16),
        DeleteTopicState(name=talk.topic("twice")),
        DeleteTopicState(name=talk.topic("twice")),
        DeleteTopicState(topic_id=b"\3" * 16),
        DeleteTopicState(topic_id=b"\3" * 16),
        DeleteTopicState(name=talk.topic("kept")),
        DeleteTopicState(topic_id=kept),
        DeleteTopicState(),
    ]
    answer = talk.ask(DeleteTopicsRequest(timeout_ms=5000, topics=refused), 6, note=False)
    # Apache Kafka shuffles them, so that their order betrays nothing.
    talk.note(sorted(answer.responses, key=lambda row: (row.name or "", row.topic_id)))


def case_create_partitions(talk: Talk) -> None:
    """Growing, and each way in which it is refused."""
    topic = talk.topic()
    create(talk, topic, 2)
    wanted = {topic: (2, 1, 0, -1, 3), talk.topic("missing"): (3,)}
    for name, counts in wanted.items():
        for count in counts:
            row = CreatePartitionsTopic(name=name, count=count)
            talk.ask(CreatePartitionsRequest(topics=[row], timeout_ms=5000), 3)


def describe(talk: Talk, kind: int, name: str, keys: list[str] | None, version: int = 4) -> None:
    """Note what DescribeConfigs says, one line a config."""
    resource = DescribeConfigsResource(
        resource_type=kind, resource_name=name, configuration_keys=keys
    )
    request = DescribeConfigsRequest(
        resources=[resource], include_synonyms=True, include_documentation=False
    )
    (answer,) = talk.ask(request, version, note=False).results
    talk.note({"error_code": answer.error_code, "error_message": answer.error_message})
    talk.note([answer.resource_type, answer.resource_name])
    for row in sorted(answer.configs, key=lambda c: c.name):
        if row.name.startswith("ottla."):
            continue
        value = "<set>" if row.name in OWN else row.value
        origin = "<own>" if row.name in OWN else row.config_source
        synonyms = [] if row.name in OWN else [f"{s.name}:{s.source}" for s in row.synonyms]
        talk.note(
            f"{row.name}={value} source={origin} type={row.config_type} read_only={row.read_only}"
            f" sensitive={row.is_sensitive} synonyms={','.join(synonyms)}"
        )


OWN = {
    "advertised.listeners",
    "broker.id",
    "controller.listener.names",
    "controller.quorum.bootstrap.servers",
    "controller.quorum.voters",
    "inter.broker.listener.name",
    "listener.security.protocol.map",
    "listeners",
    "log.dir",
    "log.dirs",
    "node.id",
    "process.roles",
    "num.io.threads",
    "num.network.threads",
    "early.start.listeners",
}
"""Configs whose value belongs to the node that is asked."""


def case_describe_configs_of_a_topic(talk: Talk) -> None:
    """Every config of a topic: default, type, source and synonyms."""
    topic = talk.topic()
    create(talk, topic, retention_ms="1234", compression_type="zstd")
    describe(talk, TOPIC, topic, None)
    describe(talk, TOPIC, topic, ["retention.ms", "no.such"], 1)
    describe(talk, TOPIC, talk.topic("missing"), None)
    describe(talk, TOPIC, "bad/name", None)


def case_describe_configs_of_a_broker(talk: Talk) -> None:
    """Every config of a broker: default, type, source and synonyms."""
    describe(talk, BROKER, "1", None)
    describe(talk, BROKER, "", None)
    describe(talk, BROKER, "77", None)
    describe(talk, BROKER, "x", None)


def case_describe_configs_of_a_group(talk: Talk) -> None:
    """Every config of a group, and an unknown kind of resource."""
    describe(talk, GROUP, "some-group", None)
    describe(talk, 99, "x", None)


def case_incremental_alter_configs(talk: Talk) -> None:
    """Set, delete, append, subtract; and what is refused."""
    topic = talk.topic()
    create(talk, topic)
    changes = [
        ("retention.ms", 0, "5000"),
        ("retention.ms", 0, "x"),
        ("retention.ms", 1, None),
        ("cleanup.policy", 2, "compact"),
        ("cleanup.policy", 3, "delete"),
        ("retention.ms", 2, "1"),
        ("no.such", 0, "1"),
    ]
    for number, (name, operation, value) in enumerate(changes):
        config = AlterableConfig(name=name, config_operation=operation, value=value)
        resource = AlterConfigsResource(resource_type=TOPIC, resource_name=topic, configs=[config])
        talk.ask(IncrementalAlterConfigsRequest(resources=[resource]), 1)
        settle(talk, str(number))
        describe(talk, TOPIC, topic, ["retention.ms", "cleanup.policy"])
    missing = AlterConfigsResource(
        resource_type=TOPIC,
        resource_name=talk.topic("missing"),
        configs=[AlterableConfig(name="retention.ms", config_operation=0, value="1")],
    )
    talk.ask(IncrementalAlterConfigsRequest(resources=[missing]), 1)
    talk.ask(IncrementalAlterConfigsRequest(resources=[missing], validate_only=True), 1)


def case_dynamic_configs_of_a_broker(talk: Talk) -> None:
    """Synonyms of a key in milliseconds name the coarser ones; a key that no broker has is kept."""
    topic = talk.topic()
    create(talk, topic, retention_ms="1234", segment_ms="5678")
    rows = [("", "log.retention.ms", "500000"), ("1", "log.retention.ms", "400000")]
    rows += [("1", "log.roll.ms", "9000"), ("1", "no.such", "secret"), ("", "no.such", "other")]

    def alter(operation: int) -> None:
        for number, (broker, name, value) in enumerate(rows):
            config = AlterableConfig(
                name=name, config_operation=operation, value=value if operation == 0 else None
            )
            resource = AlterConfigsResource(
                resource_type=BROKER, resource_name=broker, configs=[config]
            )
            talk.ask(IncrementalAlterConfigsRequest(resources=[resource]), 1)
            settle(talk, f"{operation}-{number}")

    alter(0)
    keys = ["log.retention.ms", "log.retention.minutes", "log.retention.hours", "log.roll.ms"]
    keys += ["log.roll.hours", "no.such"]
    describe(talk, BROKER, "1", keys)
    describe(talk, BROKER, "", keys)
    describe(talk, TOPIC, topic, ["retention.ms", "segment.ms"])
    alter(1)
    describe(talk, BROKER, "1", keys)


def case_cluster(talk: Talk) -> None:
    """DescribeCluster, ListPartitionReassignments, DescribeAcls and ListConfigResources."""
    for version in (0, 1, 2):
        talk.ask(DescribeClusterRequest(include_cluster_authorized_operations=True), version)
    talk.ask(ListPartitionReassignmentsRequest(topics=None), 0)
    acls = DescribeAclsRequest(
        resource_type_filter=1, pattern_type_filter=1, operation=1, permission_type=1
    )
    talk.ask(acls, 3)
    talk.ask(ListConfigResourcesRequest(resource_types=[BROKER]), 1)
    talk.ask(ListConfigResourcesRequest(resource_types=[77]), 1)


def case_describe_topic_partitions(talk: Talk) -> None:
    """A topic that exists and one that doesn't; the limit of partitions and its cursor."""
    topic = talk.topic()
    create(talk, topic, 3)
    rows = [TopicRequest(name=topic), TopicRequest(name=talk.topic("missing"))]
    talk.ask(DescribeTopicPartitionsRequest(topics=rows), 0)
    limited = DescribeTopicPartitionsRequest(topics=rows[:1], response_partition_limit=2)
    talk.ask(limited, 0)
