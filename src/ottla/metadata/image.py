"""The cluster as it stands at one offset of the metadata log: immutable, and cheap to succeed.

An image is never changed: the `MetadataDelta` of some records has the next one as its `.image`.
That one shares all that did not change; only the maps that a batch touches are copied, once a batch
and not once a record, so 9,000 new partitions in one request cost one copy.

Every kind of metadata record is kept, also those that nothing serves yet (ACLs, quotas, SCRAM,
delegation tokens): a folder written by Apache Kafka loads, and is snapshotted again, without loss.
The sole exception is ZkMigrationStateRecord, which Apache Kafka 4.x itself reads past.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

# The numbers of ConfigRecord.resource_type and of the config APIs.
TOPIC_RESOURCE = 2
BROKER_RESOURCE = 4
BROKER_LOGGER_RESOURCE = 8
CLIENT_METRICS_RESOURCE = 16
GROUP_RESOURCE = 32

NO_LEADER = -1
LEADER_RECOVERED = 0
LEADER_RECOVERING = 1

# Directory ids that name no directory (KIP-858).
UNASSIGNED_DIRECTORY = bytes(16)
LOST_DIRECTORY = bytes(15) + b"\x01"
MIGRATING_DIRECTORY = bytes(15) + b"\x02"
UNNAMED_DIRECTORIES = (UNASSIGNED_DIRECTORY, MIGRATING_DIRECTORY)
"""What stands for a directory that nobody has told yet."""


class Partition(NamedTuple):
    """One partition as the controller registered it."""

    replicas: tuple[int, ...]
    directories: tuple[bytes, ...]
    """The directory id of each replica, in the order of `replicas`."""
    isr: tuple[int, ...]
    removing_replicas: tuple[int, ...]
    adding_replicas: tuple[int, ...]
    eligible_leader_replicas: tuple[int, ...]
    last_known_elr: tuple[int, ...]
    leader: int
    leader_recovery_state: int
    leader_epoch: int
    partition_epoch: int

    def directory_of(self, broker_id: int) -> bytes:
        """The directory id in which `broker_id` keeps this partition."""
        return self.directories[self.replicas.index(broker_id)]


class Topic(NamedTuple):
    """A topic; partition n is `partitions[n]`."""

    id: bytes
    name: str
    partitions: tuple[Partition, ...]


class Topics(NamedTuple):
    """All topics, by name and by id."""

    by_name: Mapping[str, Topic]
    by_id: Mapping[bytes, Topic]


class Endpoint(NamedTuple):
    """Where a node listens; `security_protocol` is Kafka's number (0 PLAINTEXT)."""

    name: str
    host: str
    port: int
    security_protocol: int


class Broker(NamedTuple):
    """A registered broker. It takes clients once it is neither fenced nor shutting down."""

    id: int
    epoch: int
    """The offset of its RegisterBrokerRecord."""
    incarnation_id: bytes
    endpoints: Mapping[str, Endpoint]
    """Listener name to where this broker says it can be reached there."""
    features: Mapping[str, tuple[int, int]]
    rack: str | None
    fenced: bool
    in_controlled_shutdown: bool
    log_dirs: tuple[bytes, ...]
    cordoned_log_dirs: tuple[bytes, ...] | None
    is_migrating_zk_broker: bool


class Controller(NamedTuple):
    """A registered controller."""

    id: int
    incarnation_id: bytes
    zk_migration_ready: bool
    endpoints: Mapping[str, Endpoint]
    features: Mapping[str, tuple[int, int]]


class ProducerIds(NamedTuple):
    """How far producer ids were handed out; `next_producer_id` is -1 before the first block."""

    next_producer_id: int
    broker_id: int
    broker_epoch: int


QuotaEntity = tuple[tuple[str, "str | None"], ...]
"""(entity type, entity name or None for the default) pairs, sorted by type."""


class MetadataImage(NamedTuple):
    """The cluster at `offset`, the last record that is in it (-1: nothing yet)."""

    offset: int
    epoch: int
    """The leader epoch that wrote the record at `offset`."""
    timestamp_ms: int
    features: Mapping[str, int]
    """Finalized levels, metadata.version among them, kraft.version not."""
    brokers: Mapping[int, Broker]
    controllers: Mapping[int, Controller]
    topics: Topics
    configs: Mapping[tuple[int, str], Mapping[str, str]]
    """(resource type, resource name) to what is set there; the name "" is the cluster-wide
    default."""
    client_quotas: Mapping[QuotaEntity, Mapping[str, float]]
    producer_ids: ProducerIds
    acls: Mapping[bytes, Any]
    """Id to AccessControlEntryRecord."""
    scram: Mapping[tuple[int, str], Any]
    """(mechanism, user) to UserScramCredentialRecord."""
    delegation_tokens: Mapping[str, Any]
    """Token id to DelegationTokenRecord."""

    @property
    def metadata_version(self) -> int:
        """The finalized metadata.version; 0 while the log has none."""
        return self.features.get("metadata.version", 0)

    def topic_config(self, name: str) -> Mapping[str, str]:
        """What is set on the topic itself."""
        return self.configs.get((TOPIC_RESOURCE, name), {})

    def broker_config(self, broker_id: int | None) -> Mapping[str, str]:
        """What is set dynamically on one broker, or cluster-wide if None."""
        return self.configs.get((BROKER_RESOURCE, "" if broker_id is None else str(broker_id)), {})


EMPTY_IMAGE = MetadataImage(
    offset=-1,
    epoch=-1,
    timestamp_ms=-1,
    features={},
    brokers={},
    controllers={},
    topics=Topics({}, {}),
    configs={},
    client_quotas={},
    producer_ids=ProducerIds(-1, -1, -1),
    acls={},
    scram={},
    delegation_tokens={},
)
