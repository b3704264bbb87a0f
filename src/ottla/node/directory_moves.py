"""Partitions that move between this broker's log directories, from the wish to the record (KIP-113,
KIP-858), and what the admin says of those directories while the node runs.

The core copies. When a copy has all, the controller is told of the new place (`Membership.assign`,
as of any place that it does not know); when the record says so, the core lets the copy take the
log's place. So whoever starts after a crash in between goes by the record.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ottla.metadata.features import directory_assignment_supported

if TYPE_CHECKING:
    from ottla._core import Event
    from ottla._core import Node as Core
    from ottla.broker.context import Context
    from ottla.metadata.image import Topic
    from ottla.node.logs import Logs
    from ottla.node.membership import Membership


class DirectoryMoves:
    """Follows every move; used on the decision thread only."""

    __slots__ = ("_context", "_core", "_logs", "_membership")

    def __init__(self, context: Context, core: Core, membership: Membership, logs: Logs) -> None:
        self._context = context
        self._core = core
        self._membership = membership
        self._logs = logs

    def configure(self) -> None:
        """Take the broker's configuration as it is now."""
        config, directories = self._context.config, self._context.directories
        cordoned = config.cordoned_log_dirs
        directories.cordoned = frozenset(
            place for place, folder in enumerate(self._context.log_dirs) if folder in cordoned
        )
        self._membership.cordoned(directories.cordoned_ids())
        rate = config.moves_bytes_per_second
        self._core.limit_moves(0 if rate is None else max(rate, 1))

    def resume(self) -> None:
        """Go on with what an earlier run did not end, now that partitions have their places."""
        for moving in self._core.resume_moves():
            topic = self._context.image.topics.by_name[moving.topic]
            self._context.directories.moves(topic.id, moving.partition, moving.log_dir)
            name = f"{moving.topic}-{moving.partition}"
            self._logs.info(f"{name} goes on moving to {self._context.log_dirs[moving.log_dir]}")

    def published(self) -> None:
        """The image is a new one: what it knows in its new place may be there."""
        for topic, index in self._context.directories.take_assigned():
            self._core.finish_move(topic.name, index)

    def take(self, event: Event.Moving) -> None:
        """How one of them goes."""
        directories = self._context.directories
        index, place = event.partition, event.log_dir
        topic = self._topic(event)
        if topic is None:
            return
        name, folder = f"{topic.name}-{index}", self._context.log_dirs[place]
        if event.step == "caught-up":
            recorded = topic.partitions[index].directory_of(self._context.node_id)
            level = self._context.image.metadata_version
            if not directory_assignment_supported(level) or recorded == directories.id_of(place):
                self._core.finish_move(topic.name, index)
            else:
                directories.caught_up(topic.id, index, place)
        elif event.step == "moved":
            directories.moved(topic, index, place)
            self._logs.info(f"{name} was moved to {folder}")
        else:
            directories.stays(topic, index, place)
            self._logs.error(
                f"moving {name} to {folder} was given up: {event.text}; it stays where it was: "
                "see to that disk, then move it again"
            )

    def _topic(self, event: Event.Moving) -> Topic | None:
        """None if the partition is not here any more."""
        topic = self._context.image.topics.by_id.get(event.topic_id)
        if topic is None or not 0 <= event.partition < len(topic.partitions):
            return None
        replicas = topic.partitions[event.partition].replicas
        return topic if self._context.node_id in replicas else None
