"""Metadata's rows of partitions, kept while nothing changes that they show: clients ask for the
same topics again and again, and a row costs more to make than to send.

A row depends on the cluster's topics and brokers and on what this broker's disks keep from being
served. Whoever gets rows must not change them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ottla.broker.shown import shown
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.metadata import MetadataResponsePartition
from ottla.wire.schema import Kept

if TYPE_CHECKING:
    from ottla.broker.shown import View
    from ottla.metadata.image import Partition, Topic

KEPT_MAX: Final = 10_000
"""Rows that are kept at most, of about half a kilobyte each with their bytes; those of further
topics are made anew each time.
"""


class MetadataRows:
    """The rows that were asked for since the last change."""

    __slots__ = ("_kept", "_rows", "_shown")

    def __init__(self) -> None:
        self._rows: dict[str, list[MetadataResponsePartition]] = {}
        self._kept = 0
        self._shown: tuple[object, object, set[tuple[str, int]]] = (None, None, set())
        """What the rows show: topics, brokers, and what is offline."""

    def refresh(self, view: View) -> None:
        """Forget what has changed; called once a request."""
        topics, brokers, offline = self._shown
        image = view.image
        if image.topics is not topics or image.brokers is not brokers or view.offline != offline:
            self._shown = (image.topics, image.brokers, view.offline.copy())
            self._rows.clear()
            self._kept = 0

    def of(self, view: View, topic: Topic) -> list[MetadataResponsePartition]:
        """A row for each partition of the topic."""
        rows = self._rows.get(topic.name)
        if rows is None:
            rows = [_row(view, topic.name, *numbered) for numbered in enumerate(topic.partitions)]
            if self._kept + len(rows) <= KEPT_MAX:
                rows = Kept(rows)
                self._rows[topic.name] = rows
                self._kept += len(rows)
        return rows


def _row(view: View, topic: str, index: int, partition: Partition) -> MetadataResponsePartition:
    leader, offline = shown(view, topic, index, partition)
    return MetadataResponsePartition(
        error_code=ErrorCode.NONE
        if leader in view.image.brokers
        else ErrorCode.LEADER_NOT_AVAILABLE,
        partition_index=index,
        leader_id=leader,
        leader_epoch=partition.leader_epoch,
        replica_nodes=list(partition.replicas),
        isr_nodes=list(partition.isr),
        offline_replicas=offline,
    )
