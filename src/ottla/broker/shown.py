"""How partitions are shown that a disk keeps from being served."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from ottla.metadata.image import NO_LEADER, UNNAMED_DIRECTORIES
from ottla.wire.errors import ErrorCode

if TYPE_CHECKING:
    from ottla.metadata.image import MetadataImage, Partition


class View(Protocol):
    """The cluster as one broker sees it (its Context)."""

    @property
    def node_id(self) -> int:
        """The broker."""

    @property
    def image(self) -> MetadataImage:
        """The cluster."""

    @property
    def offline(self) -> set[tuple[str, int]]:
        """Partitions of this broker that the disk keeps from being served."""


class Shown(NamedTuple):
    """A partition as clients are told of it."""

    error_code: int
    """LEADER_NOT_AVAILABLE while nobody leads who is known."""
    leader: int
    offline: list[int]


def shown(view: View, topic: str, index: int, partition: Partition) -> Shown:
    """Leader and offline replicas as clients are told them.

    A replica is offline whose broker is away or fenced, whose log directory is lost (KIP-858), or
    that this broker cannot open; in the last case the partition has no leader. Every partition of
    every Metadata passes here, so it is one plain loop.
    """
    brokers = view.image.brokers
    here = bool(view.offline) and (topic, index) in view.offline
    offline = []
    for replica, directory in zip(partition.replicas, partition.directories, strict=True):
        broker = brokers.get(replica)
        if (
            broker is None
            or broker.fenced
            or (
                directory not in broker.log_dirs
                and broker.log_dirs
                and directory not in UNNAMED_DIRECTORIES
            )
            or (here and replica == view.node_id)
        ):
            offline.append(replica)
    leader = NO_LEADER if here else partition.leader
    error = ErrorCode.NONE if leader in brokers else ErrorCode.LEADER_NOT_AVAILABLE
    return Shown(error, leader, offline)
