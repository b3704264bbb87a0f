"""Committed offsets of one shard: what is held, and OffsetCommit, OffsetFetch, OffsetDelete and
expiry.

An offset changes only by a record (`put`, `drop`). Offsets that were committed in a transaction
wait in `pending` until its marker comes; meanwhile a fetch that asks for stable offsets is told to
come back (KIP-447).

An offset belongs to a topic, not to a name: its record says which, by the topic's id. Records that
can't say it (of older versions, with an end of their own, of transactions) are told apart by
`_ids`, which is soft: it holds what a commit was made to, or after a load what has the name then.

Expiry is KIP-211's: the offsets of a group begin to age when the group becomes empty; those of a
group of consumers in use when its members do not subscribe to the topic any more; those of a group
that never had members when they were committed. A commit of version 2 to 4 may name its own end.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from typing import TYPE_CHECKING, Final

from ottla.coordinators.group import records
from ottla.coordinators.group.records import STRING_BYTES_MAX, Committed, is_too_long
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitResponse,
    OffsetCommitResponsePartition,
    OffsetCommitResponseTopic,
)
from ottla.wire.messages.offset_delete import (
    OffsetDeleteRequest,
    OffsetDeleteResponse,
    OffsetDeleteResponsePartition,
    OffsetDeleteResponseTopic,
)
from ottla.wire.messages.offset_fetch import (
    OffsetFetchRequestGroup,
    OffsetFetchResponseGroup,
    OffsetFetchResponsePartitions,
    OffsetFetchResponseTopics,
)
from ottla.wire.types import ZERO_UUID

if TYPE_CHECKING:
    from ottla.coordinators.group.config import ConfigOf, GroupConfig
    from ottla.coordinators.group.group import Group
    from ottla.coordinators.turn import Turn
    from ottla.decide import Ask
    from ottla.metadata.image import Topic

TIMESTAMP_MS_MAX: Final = (1 << 63) - 1

Topics = dict[str, dict[int, Committed]]
Position = tuple[str, str, int]
"""(group id, topic, partition)."""


class Offsets:
    """The committed offsets of all groups of a shard."""

    __slots__ = ("_ids", "_orders", "_sequence", "by_group", "pending", "pending_of")

    def __init__(self) -> None:
        self.by_group: dict[str, Topics] = {}
        self.pending: dict[int, dict[Position, tuple[int, Committed]]] = {}
        """Producer id to what its open transaction committed, with its place in the log's order."""
        self.pending_of: dict[str, dict[tuple[str, int], set[int]]] = {}
        """Group to positions with open transactions, and whose."""
        self._sequence = 0
        self._orders: dict[Position, int] = {}
        """The place in the log's order of offsets that were put while a transaction was open on
        them.
        """
        self._ids: dict[Position, bytes] = {}
        """Soft: the topic of what is held or pending there by a record without an id."""

    def get(self, group_id: str, topic: str, partition: int) -> Committed | None:
        """What is committed there."""
        return self.by_group.get(group_id, {}).get(topic, {}).get(partition)

    def is_pending(self, group_id: str, topic: str, partition: int) -> bool:
        """Whether an open transaction has committed there."""
        return (topic, partition) in self.pending_of.get(group_id, ())

    def has_pending(self, group_id: str) -> bool:
        """Whether the group takes part in an open transaction."""
        return group_id in self.pending_of

    # ------------------------------------------------------------ topics

    def bind(self, position: Position, topic_id: bytes) -> None:
        """What is about to be put there, by a record that can't say so, belongs to this topic."""
        self._ids[position] = topic_id

    def bind_loaded(self, topics: Mapping[str, Topic]) -> None:
        """What was loaded without an id belongs to the topic that has the name now."""
        held = list(self._of_topics(None))
        pending = [
            (*position, committed.topic_id)
            for of_producer in self.pending.values()
            for position, (_, committed) in of_producer.items()
        ]
        for group_id, name, partition, topic_id in held + pending:
            if topic_id == ZERO_UUID and name in topics:
                self.bind((group_id, name, partition), topics[name].id)

    def _topic_id(self, position: Position, committed: Committed) -> bytes:
        """The topic that it belongs to; zero if nobody knows, which is no topic's id."""
        if committed.topic_id != ZERO_UUID:
            return committed.topic_id
        return self._ids.get(position, ZERO_UUID)

    def _unbind(self, position: Position) -> None:
        """Forget the topic once nothing is there that needs it."""
        held = self.get(*position)
        if (held is None or held.topic_id != ZERO_UUID) and not self.is_pending(*position):
            self._ids.pop(position, None)

    # ------------------------------------------------------------ records

    def put(self, position: Position, committed: Committed, producer_id: int = -1) -> None:
        """A commit was written; in a transaction if there is a producer id."""
        self._sequence += 1
        group_id, topic, partition = position
        if producer_id < 0:
            self.by_group.setdefault(group_id, {}).setdefault(topic, {})[partition] = committed
            if self.is_pending(group_id, topic, partition):
                self._orders[position] = self._sequence
            self._unbind(position)
            return
        self.pending.setdefault(producer_id, {})[position] = (self._sequence, committed)
        of_group = self.pending_of.setdefault(group_id, {})
        of_group.setdefault((topic, partition), set()).add(producer_id)

    def count(self) -> int:
        """Partitions that something is committed of, by each group."""
        return sum(
            len(partitions)
            for topics in list(self.by_group.values())
            for partitions in list(topics.values())
        )

    def drop(self, position: Position) -> None:
        """A tombstone was written: the offset is gone, and what open transactions committed there
        too.
        """
        group_id, topic, partition = position
        topics = self.by_group.get(group_id)
        if topics is not None and topic in topics:
            topics[topic].pop(partition, None)
            if not topics[topic]:
                del topics[topic]
            if not topics:
                del self.by_group[group_id]
        for producer_id in self.pending_of.get(group_id, {}).get((topic, partition), set()).copy():
            self.pending[producer_id].pop(position, None)
            self._close(position, producer_id)
        self._unbind(position)

    def end_transaction(self, producer_id: int, *, committed: bool) -> list[str]:
        """Its marker came: what it committed counts unless something newer was; the groups that got
        offsets.
        """
        groups = []
        for position, (order, value) in self.pending.pop(producer_id, {}).items():
            newer = self._orders.get(position, -1) > order
            self._close(position, producer_id)
            if committed and not newer:
                self.put(position, value)
                groups.append(position[0])
            else:
                self._unbind(position)
        return groups

    def _close(self, position: Position, producer_id: int) -> None:
        group_id, topic, partition = position
        of_group = self.pending_of[group_id]
        producers = of_group[(topic, partition)]
        producers.discard(producer_id)
        if not producers:
            del of_group[(topic, partition)]
            self._orders.pop(position, None)
        if not of_group:
            del self.pending_of[group_id]

    # ------------------------------------------------------------ tombstones

    def tombstone_all(self, turn: Turn, group_id: str) -> None:
        """Forget all that the group committed, open transactions included."""
        positions = {
            (topic, partition)
            for topic, partitions in self.by_group.get(group_id, {}).items()
            for partition in partitions
        }
        for topic, partition in sorted(positions | set(self.pending_of.get(group_id, ()))):
            turn.write(records.offset_tombstone(group_id, topic, partition))

    def tombstone_topics(self, turn: Turn, topics: dict[str, bytes]) -> None:
        """Topics (name to id) were deleted: forget what was committed to them, not to later ones of
        the name.
        """
        for group_id, topic, partition, topic_id in self._of_topics(topics.keys()):
            if topic_id == topics[topic]:
                turn.write(records.offset_tombstone(group_id, topic, partition))

    def tombstone_gone(self, turn: Turn, topics: Mapping[str, Topic]) -> None:
        """Forget what was committed to topics that are not among these any more, or are others of
        the name.
        """
        for group_id, name, partition, topic_id in self._of_topics(None):
            topic = topics.get(name)
            if topic is None or topic_id != topic.id:
                turn.write(records.offset_tombstone(group_id, name, partition))

    def _of_topics(self, names: Set[str] | None) -> Iterator[tuple[str, str, int, bytes]]:
        """Where something is committed to topics of these names, or of any, and the topic's id."""
        for group_id, topics in self.by_group.items():
            for topic in topics.keys() if names is None else names & topics.keys():
                for partition, committed in topics[topic].items():
                    position = (group_id, topic, partition)
                    yield *position, self._topic_id(position, committed)
        for pending in self.pending.values():
            for position, (_, committed) in pending.items():
                if names is not None and position[1] not in names:
                    continue
                if self.get(*position) is None:
                    yield *position, self._topic_id(position, committed)

    def tombstone_expired(self, turn: Turn, config: GroupConfig, group: Group) -> bool:
        """Forget what has aged out; whether the group is left without any offset."""
        topics = self.by_group.get(group.group_id)
        nothing_left = not self.has_pending(group.group_id)
        if topics is None:
            return nothing_left
        if not group.offsets_age:
            return False
        for topic, partitions in topics.items():
            if group.is_subscribed_to(topic):
                nothing_left = False
                continue
            for partition, committed in partitions.items():
                if _is_old(turn.now.wall_ms, config, group, committed) and not self.is_pending(
                    group.group_id, topic, partition
                ):
                    turn.write(records.offset_tombstone(group.group_id, topic, partition))
                    turn.count("offset_expirations")
                else:
                    nothing_left = False
        return nothing_left


def _is_old(wall_ms: int, config: GroupConfig, group: Group, committed: Committed) -> bool:
    if committed.expire_timestamp_ms != -1:
        return wall_ms >= committed.expire_timestamp_ms
    since_ms = group.empty_since_ms
    if since_ms is None:
        since_ms = committed.commit_timestamp_ms
    return wall_ms - since_ms >= config.offsets_retention_ms


# ---------------------------------------------------------------- requests


def commit_door(ask: Ask, _config_of: ConfigOf) -> tuple[Ask, ErrorCode | None]:
    """An OffsetCommit to a group that has room in a record; it may be the one without a name."""
    return ask, ErrorCode.INVALID_GROUP_ID if is_too_long(ask.body.group_id) else None


def is_metadata_too_large(config: GroupConfig, metadata: str) -> bool:
    """Whether an offset's metadata has more characters than it may."""
    return len(metadata) > config.offset_metadata_bytes_max


def commit(
    turn: Turn, offsets: Offsets, config: GroupConfig, request: OffsetCommitRequest
) -> OffsetCommitResponse:
    """Write the offsets of a commit that was found valid; metadata that is too long fails by
    partition.
    """
    retention_ms = request.retention_time_ms
    wall_ms = turn.now.wall_ms
    expires_ms = -1 if retention_ms == -1 else min(wall_ms + retention_ms, TIMESTAMP_MS_MAX)
    answers = []
    for topic in request.topics:
        partitions = []
        for one in topic.partitions:
            metadata = one.committed_metadata or ""
            error = ErrorCode.NONE
            if is_metadata_too_large(config, metadata) or (
                # Its record is of a version whose lengths have 16 bits.
                expires_ms != -1 and len(metadata.encode()) > STRING_BYTES_MAX
            ):
                error = ErrorCode.OFFSET_METADATA_TOO_LARGE
            else:
                committed = Committed(
                    one.committed_offset,
                    one.committed_leader_epoch,
                    metadata,
                    wall_ms,
                    expires_ms,
                    topic.topic_id,
                )
                record = records.offset_commit(
                    request.group_id, topic.name, one.partition_index, committed
                )
                if expires_ms != -1:
                    position = (request.group_id, topic.name, one.partition_index)
                    offsets.bind(position, topic.topic_id)
                turn.write(record)
                turn.count("offset_commits")
            partitions.append(
                OffsetCommitResponsePartition(partition_index=one.partition_index, error_code=error)
            )
        answers.append(
            OffsetCommitResponseTopic(
                name=topic.name, topic_id=topic.topic_id, partitions=partitions
            )
        )
    return OffsetCommitResponse(topics=answers)


def said(request: OffsetCommitRequest) -> dict[tuple[str, int], int]:
    """The offsets that a commit asks for, by topic and partition."""
    return {
        (topic.name, one.partition_index): one.committed_offset
        for topic in request.topics
        for one in topic.partitions
    }


def fetch(
    offsets: Offsets, request: OffsetFetchRequestGroup, held: Topics, *, require_stable: bool
) -> OffsetFetchResponseGroup:
    """Answer one group of an OffsetFetch with what is `held` of it; a partition without an offset
    gives -1 and no error.
    """
    topics = []
    if request.topics is None:
        for name, partitions in held.items():
            topics.append(
                OffsetFetchResponseTopics(
                    name=name,
                    partitions=[
                        _position(offsets, request.group_id, name, index, one, require_stable)
                        for index, one in partitions.items()
                    ],
                )
            )
        return OffsetFetchResponseGroup(group_id=request.group_id, topics=topics)
    for topic in request.topics:
        partitions = held.get(topic.name, {})
        answers = []
        for index in topic.partition_indexes:
            found = partitions.get(index)
            if found is not None and _is_other_topic(found.topic_id, topic.topic_id):
                found = None
            answers.append(
                _position(offsets, request.group_id, topic.name, index, found, require_stable)
            )
        topics.append(
            OffsetFetchResponseTopics(name=topic.name, topic_id=topic.topic_id, partitions=answers)
        )
    return OffsetFetchResponseGroup(group_id=request.group_id, topics=topics)


def _is_other_topic(committed_id: bytes, asked_id: bytes) -> bool:
    """Whether the offset belongs to an earlier topic of the same name."""
    return ZERO_UUID not in (committed_id, asked_id) and committed_id != asked_id


def _position(
    offsets: Offsets,
    group_id: str,
    topic: str,
    partition: int,
    found: Committed | None,
    require_stable: bool,
) -> OffsetFetchResponsePartitions:
    error = ErrorCode.NONE
    if require_stable and offsets.is_pending(group_id, topic, partition):
        found, error = None, ErrorCode.UNSTABLE_OFFSET_COMMIT
    if found is None:
        return OffsetFetchResponsePartitions(
            partition_index=partition, committed_offset=-1, metadata="", error_code=error
        )
    return OffsetFetchResponsePartitions(
        partition_index=partition,
        committed_offset=found.offset,
        committed_leader_epoch=found.leader_epoch,
        metadata=found.metadata,
    )


def delete(
    turn: Turn, offsets: Offsets, group: Group, request: OffsetDeleteRequest
) -> OffsetDeleteResponse:
    """Forget single offsets of a group, except of topics that its members read."""
    answers = []
    for topic in request.topics:
        subscribed = group.is_subscribed_to(topic.name)
        error = ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC if subscribed else ErrorCode.NONE
        partitions = []
        for one in topic.partitions:
            index = one.partition_index
            if not subscribed and (
                offsets.get(request.group_id, topic.name, index) is not None
                or offsets.is_pending(request.group_id, topic.name, index)
            ):
                turn.write(records.offset_tombstone(request.group_id, topic.name, index))
                turn.count("offset_deletions")
            partitions.append(
                OffsetDeleteResponsePartition(partition_index=index, error_code=error)
            )
        answers.append(OffsetDeleteResponseTopic(name=topic.name, partitions=partitions))
    return OffsetDeleteResponse(topics=answers)


def refuse_commit(request: OffsetCommitRequest, error: ErrorCode) -> OffsetCommitResponse:
    """A commit that fails as a whole: the error at each partition."""
    return OffsetCommitResponse(
        topics=[
            OffsetCommitResponseTopic(
                name=topic.name,
                topic_id=topic.topic_id,
                partitions=[
                    OffsetCommitResponsePartition(
                        partition_index=one.partition_index, error_code=error
                    )
                    for one in topic.partitions
                ],
            )
            for topic in request.topics
        ]
    )
