"""The topics that coordinators live in: one row a kind of coordinator.

Whoever has to do with them goes over this table and knows none by its name: who answers
FindCoordinator, who makes a topic when the first client needs it, and the node, which runs what a
row's `parts` are over the partitions that it leads. What a row needs is imported when it is needed
first: a node that nobody asks for groups never loads them, a tenth of its start.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Protocol, TypeVar

from ottla.broker.coordinator_configs import GroupConfigs, TransactionConfigs
from ottla.errors import OttlaError
from ottla.security.resources import CLUSTER, Operation, Resource, group, transactional_id
from ottla.wire.coordinator_types import GROUP, SHARE, TRANSACTION
from ottla.wire.errors import ErrorCode
from ottla.wire.stored.frame import CONSUMER_OFFSETS, TRANSACTION_STATE

if TYPE_CHECKING:
    from ottla.broker.settings import Settings
    from ottla.config.broker import BrokerConfig
    from ottla.coordinators.group.coordinator import GroupCoordinator
    from ottla.coordinators.runtime import Runtime
    from ottla.coordinators.transaction.coordinator import TransactionCoordinator
    from ottla.decide import Decider, Entropy, Refuse
    from ottla.driver import Desk

_CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
"""By the number that `offsets.topic.compression.codec` gives them."""


class Coordinator(Protocol):
    """What is known of every kind of coordinator; its own handlers know more."""

    def partition_for(self, key: str, /) -> int:
        """The partition of its topic that this key lives in."""

    def serves(self, partition: int) -> bool:
        """Whether the keys of a partition are coordinated here, and it can be read."""


C = TypeVar("C", bound=Coordinator)


class CoordinatorNotLoaded(OttlaError):
    """What a coordinator is made of can't be loaded now, such as for want of a descriptor; it is
    tried again.
    """


class Parts(NamedTuple, Generic[C]):
    """What a coordinator is made of."""

    decider: Callable[[int], Decider]
    """A new one for a partition."""
    refuse: Refuse
    coordinator: Callable[[Runtime, Callable[[], int], Desk], C]
    """One over the runtime of its shards; it can ask how many partitions there are."""
    codec: str
    batch_bytes_max: Callable[[], int]
    """How much the topic takes as one batch, now."""


class Keys(NamedTuple):
    """What a kind of coordinator is looked for by, with FindCoordinator."""

    type: int
    """FindCoordinator's number for them."""
    operation: Operation
    """What somebody must be allowed to do to a key's resource to hear of its coordinator."""
    resource: Callable[[str], Resource]
    denial: ErrorCode
    version: int = 0
    """The first of FindCoordinator that knows them."""


class Unserved(NamedTuple):
    """A kind of coordinator that this node does not have yet. Clients must hear so at once:
    COORDINATOR_NOT_AVAILABLE would be tried again until they time out.
    """

    keys: Keys
    alone: ErrorCode
    """What clients take as final that ask for one key, up to version 3 of FindCoordinator."""
    among: ErrorCode
    """What they do that ask for several, from version 4 on."""
    text: str


class InternalTopic(NamedTuple, Generic[C]):
    """One topic, and the coordinator that keeps its state in it."""

    name: str
    keys: Keys
    partitions_key: str
    """The broker's config of how many partitions the topic gets."""
    replication_factor_key: str
    configs: Callable[[BrokerConfig], dict[str, str]]
    """The topic's own configs, when it is made."""
    parts: Callable[[Settings, Entropy], Parts[C]]


def _group_configs(config: BrokerConfig) -> dict[str, str]:
    return {
        "cleanup.policy": "compact",
        "compression.type": "producer",
        "segment.bytes": str(config["offsets.topic.segment.bytes"]),
    }


def _group_parts(settings: Settings, entropy: Entropy) -> Parts[GroupCoordinator]:
    from ottla.coordinators.group.coordinator import GroupCoordinator
    from ottla.coordinators.group.shard import GroupShard, every_kind

    kinds = every_kind()
    config_of = GroupConfigs(settings)
    return Parts(
        decider=lambda partition: GroupShard(config_of, entropy, kinds, partition),
        refuse=kinds.refuse,
        coordinator=lambda runtime, partition_count, desk: GroupCoordinator(
            runtime, config_of, kinds, partition_count, desk
        ),
        codec=_CODECS[settings.config["offsets.topic.compression.codec"]],
        batch_bytes_max=lambda: config_of("").batch_bytes_max,
    )


GROUPS: InternalTopic[GroupCoordinator] = InternalTopic(
    name=CONSUMER_OFFSETS,
    keys=Keys(GROUP, Operation.DESCRIBE, group, ErrorCode.GROUP_AUTHORIZATION_FAILED),
    partitions_key="offsets.topic.num.partitions",
    replication_factor_key="offsets.topic.replication.factor",
    configs=_group_configs,
    parts=_group_parts,
)


def _transaction_configs(config: BrokerConfig) -> dict[str, str]:
    return {
        "cleanup.policy": "compact",
        "compression.type": "uncompressed",
        "min.insync.replicas": str(config["transaction.state.log.min.isr"]),
        "segment.bytes": str(config["transaction.state.log.segment.bytes"]),
        "unclean.leader.election.enable": "false",
    }


def _transaction_parts(settings: Settings, entropy: Entropy) -> Parts[TransactionCoordinator]:
    from ottla.coordinators.transaction.coordinator import TransactionCoordinator
    from ottla.coordinators.transaction.shard import TransactionShard, refuse

    config_of = TransactionConfigs(settings)
    return Parts(
        decider=lambda partition: TransactionShard(partition, config_of),
        refuse=refuse,
        coordinator=partial(TransactionCoordinator, config_of=config_of),
        codec="none",
        batch_bytes_max=lambda: config_of().record_bytes_max,
    )


TRANSACTIONS: InternalTopic[TransactionCoordinator] = InternalTopic(
    name=TRANSACTION_STATE,
    keys=Keys(
        TRANSACTION,
        Operation.DESCRIBE,
        transactional_id,
        ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    ),
    partitions_key="transaction.state.log.num.partitions",
    replication_factor_key="transaction.state.log.replication.factor",
    configs=_transaction_configs,
    parts=_transaction_parts,
)

INTERNAL_TOPICS: tuple[InternalTopic[Any], ...] = (GROUPS, TRANSACTIONS)

UNSERVED = (
    Unserved(
        # Brokers' own affair: one right, whatever the key.
        Keys(
            SHARE,
            Operation.CLUSTER_ACTION,
            lambda _key: CLUSTER,
            ErrorCode.CLUSTER_AUTHORIZATION_FAILED,
            version=6,
        ),
        alone=ErrorCode.UNSUPPORTED_VERSION,
        among=ErrorCode.UNSUPPORTED_VERSION,
        text="This node has no share coordinator yet: use a consumer group.",
    ),
)
"""Each becomes a row of `INTERNAL_TOPICS` when there is such a coordinator."""
