"""What the active controller knows: the cluster with all that was decided, and what it heard of its
brokers.

The image here runs ahead of the brokers' images: it has every record as soon as it is decided.
Sessions are soft state: they are not in the log and begin anew with each controller.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy
from typing import TYPE_CHECKING, Any, NamedTuple

from ottla.metadata.features import ELIGIBLE_LEADER_REPLICAS_VERSION
from ottla.metadata.image import (
    BROKER_RESOURCE,
    UNNAMED_DIRECTORIES,
    MetadataImage,
    Partition,
    Topic,
)

if TYPE_CHECKING:
    from ottla.config.broker import BrokerConfig
    from ottla.decide import Entropy, Timer

Versioned = tuple[Any, int]
"""A metadata record and the version that it is written in."""


class Outcome(NamedTuple):
    """What one request comes to: the response, the records that must be safe before it goes out,
    and the timers that follow from it."""

    response: Any
    records: Sequence[Versioned] = ()
    timers: Sequence[Timer] = ()


class Replayed(NamedTuple):
    """What the metadata log comes to when this node begins to lead it; all of it is committed."""

    image: MetadataImage
    next_offset: int
    """Where the next record will land."""
    kraft_version: int
    open_transaction: int | None
    """The offset of a BeginTransactionRecord without an end."""
    bootstrap: Sequence[Versioned]
    """The records of `bootstrap.checkpoint`, for a log that holds no metadata."""


class Session(NamedTuple):
    """When a broker was last heard of, and how far it had applied the metadata log."""

    broker_epoch: int
    heard_ms: int
    metadata_offset: int
    controlled_shutdown_offset: int | None
    """The offset up to which all others must have seen that this broker goes; None if it does
    not."""


class State:
    """The controller's state, on which the deciders of this room are functions."""

    __slots__ = (
        "_in_force",
        "cluster_id",
        "config",
        "entropy",
        "image",
        "kraft_version",
        "next_offset",
        "node_id",
        "sessions",
    )

    def __init__(
        self,
        replayed: Replayed,
        *,
        node_id: int,
        cluster_id: str,
        config: BrokerConfig,
        entropy: Entropy,
    ) -> None:
        self.node_id = node_id
        self.cluster_id = cluster_id
        self.config = config
        self.entropy = entropy
        self.image = replayed.image
        self.next_offset = replayed.next_offset
        """Where the next record will land."""
        self.kraft_version = replayed.kraft_version
        self.sessions: dict[int, Session] = {}
        self._in_force: tuple[Any, Any, BrokerConfig] | None = None

    def anew(self) -> State:
        """What a new controller would know: the cluster, and nothing that was only heard."""
        state = copy(self)
        state.sessions = {}
        return state

    # ------------------------------------------------------------------ brokers
    def is_active(self, broker_id: int) -> bool:
        """Whether the broker may lead: registered, not fenced, not on its way out."""
        broker = self.image.brokers.get(broker_id)
        return broker is not None and not broker.fenced and not broker.in_controlled_shutdown

    def has_valid_session(self, broker_id: int, epoch: int, now_ms: int) -> bool:
        """Whether that incarnation of the broker was heard of within its session timeout."""
        session = self.sessions.get(broker_id)
        timeout_ms: int = self.config["broker.session.timeout.ms"]
        return (
            session is not None
            and session.broker_epoch == epoch
            and now_ms - session.heard_ms < timeout_ms
        )

    def directory_for(self, broker_id: int) -> bytes:
        """The directory that a new replica on the broker goes to: its only one, else it chooses
        itself."""
        broker = self.image.brokers.get(broker_id)
        if broker is None or len(broker.log_dirs) != 1:
            return bytes(16)
        return broker.log_dirs[0]

    def holds_online(self, broker_id: int, directory: bytes) -> bool:
        """Whether what the broker keeps there can be served: the directory is not known to be
        lost (KIP-858)."""
        broker = self.image.brokers.get(broker_id)
        if broker is None or not broker.log_dirs or directory in UNNAMED_DIRECTORIES:
            return True
        return directory in broker.log_dirs

    # ------------------------------------------------------------------ partitions
    def partitions(self) -> Iterator[tuple[Topic, int, Partition]]:
        """Every partition, in the order of topics."""
        for topic in self.image.topics.by_id.values():
            for index, partition in enumerate(topic.partitions):
                yield topic, index, partition

    def partitions_with_isr(self, broker_id: int) -> Iterator[tuple[Topic, int, Partition]]:
        """Partitions that count the broker as in sync."""
        return (found for found in self.partitions() if broker_id in found[2].isr)

    def has_leaderships(self, broker_id: int) -> bool:
        """Whether the broker leads anything."""
        return any(partition.leader == broker_id for _, _, partition in self.partitions())

    # ------------------------------------------------------------------ configs in force
    def broker_config(self) -> BrokerConfig:
        """This node's own configuration under the dynamic configs of the image."""
        configs = self.image.configs
        cluster = configs.get((BROKER_RESOURCE, ""))
        broker = configs.get((BROKER_RESOURCE, str(self.node_id)))
        known = self._in_force
        if known is None or known[0] is not cluster or known[1] is not broker:
            config = self.config.with_dynamic(cluster=cluster or {}, broker=broker or {})
            known = self._in_force = (cluster, broker, config)
        return known[2]

    @property
    def elr_enabled(self) -> bool:
        """Whether eligible leader replicas are tracked (KIP-966)."""
        return self.image.features.get(ELIGIBLE_LEADER_REPLICAS_VERSION, 0) > 0

    def topic_value(self, topic: str, name: str) -> str | None:
        """What is set for a topic key: on the topic, on this node, or cluster-wide; None if
        nowhere."""
        configs = self.image.configs
        for scope in (
            self.image.topic_config(topic),
            configs.get((BROKER_RESOURCE, str(self.node_id)), {}),
            configs.get((BROKER_RESOURCE, ""), {}),
        ):
            if name in scope:
                return scope[name]
        return None

    def min_insync_replicas(self, topic: str) -> int:
        """The topic's min.insync.replicas in force."""
        value = self.topic_value(topic, "min.insync.replicas")
        return int(value) if value is not None else int(self.config["min.insync.replicas"])

    def unclean_leader_election(self, topic: str) -> bool:
        """Whether a replica that is out of sync may be elected for the topic."""
        value = self.topic_value(topic, "unclean.leader.election.enable")
        if value is None:
            return bool(self.config["unclean.leader.election.enable"])
        return value.strip().lower() == "true"
