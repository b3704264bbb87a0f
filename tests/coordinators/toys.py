"""A kind of group as small as one can be that is assigned its partitions by the broker.

A heartbeat makes the group or is heard by it, and is told all partitions of the topics that the
group reads. When the counts of these or what the group sets for itself change, the group's epoch
goes up, by a record. It takes the requests of consumer groups, which are declared already.
"""

from __future__ import annotations

from typing import Any, Final

from ottla.coordinators.group.foreign import ForeignGroup, Rows
from ottla.coordinators.group.group import TimerKey
from ottla.coordinators.group.kinds import Begin, Kind, Shared
from ottla.coordinators.group.split import several
from ottla.coordinators.group.state import ShardTurn, State
from ottla.coordinators.turn import Turn
from ottla.decide import Ask, Now, Record
from ottla.metadata.delta import MetadataDelta
from ottla.metadata.image import GROUP_RESOURCE
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.consumer_group_describe import (
    ConsumerGroupDescribeRequest,
    ConsumerGroupDescribeResponse,
    DescribedGroup,
)
from ottla.wire.messages.consumer_group_heartbeat import (
    Assignment,
    ConsumerGroupHeartbeatRequest,
    ConsumerGroupHeartbeatResponse,
    TopicPartitions,
)
from ottla.wire.messages.heartbeat import HeartbeatRequest, HeartbeatResponse
from ottla.wire.stored.groups import ConsumerGroupMemberMetadataKey

INTERVAL: Final = "consumer.heartbeat.interval.ms"
KEY_TYPE: Final = 77
_ROWS: Final = Rows("toy", (), ConsumerGroupMemberMetadataKey)


class Toy(ForeignGroup):
    """A group of nobody: one record has its epoch and the topic that it reads."""

    def __init__(self, group_id: str) -> None:
        super().__init__(group_id, _ROWS)
        self.epoch = 0
        self.topic = ""

    def written(self, epoch: int, topic: str) -> Record:
        """The record that makes it so."""
        return Record(_key(self.group_id), f"{epoch} {topic}".encode())

    def fetch_error(self, member_id: str | None, member_epoch: int) -> ErrorCode | None:
        return None if member_epoch in (-1, self.epoch) else ErrorCode.STALE_MEMBER_EPOCH

    def end(self, turn: Turn) -> None:
        turn.write(Record(_key(self.group_id), None))


def _key(group_id: str) -> bytes:
    return KEY_TYPE.to_bytes(2, "big") + group_id.encode()


def _apply(state: State, _key_type: int, record: Record, now: Now) -> None:
    group_id = (record.key or b"")[2:].decode()
    if record.value is None:
        del state.groups[group_id]
        return
    group = state.groups.get(group_id)
    if not isinstance(group, Toy):
        group = state.groups[group_id] = Toy(group_id)
    epoch, _, group.topic = record.value.decode().partition(" ")
    group.epoch = int(epoch)


def _told(turn: ShardTurn, group_id: str, epoch: int, name: str) -> ConsumerGroupHeartbeatResponse:
    topic = turn.state.image.topics.by_name.get(name)
    assigned = []
    if topic is not None:
        partitions = list(range(len(topic.partitions)))
        assigned = [TopicPartitions(topic_id=topic.id, partitions=partitions)]
    return ConsumerGroupHeartbeatResponse(
        member_epoch=epoch,
        heartbeat_interval_ms=turn.state.config_of(group_id).group[INTERVAL],
        assignment=Assignment(topic_partitions=assigned),
    )


def _begin(turn: ShardTurn, ask: Ask) -> None:
    group_id, (topic,) = ask.body.group_id, ask.body.subscribed_topic_names
    turn.write(Toy(group_id).written(1, topic))
    turn.wake_in(5, TimerKey("bored", group_id))
    turn.reply(ask.token, _told(turn, group_id, 1, topic))


def _beat(turn: ShardTurn, group: Any, ask: Ask) -> None:
    turn.reply(ask.token, _told(turn, group.group_id, group.epoch, group.topic))


def _on_image(turn: ShardTurn, delta: MetadataDelta) -> None:
    changed = {new.name for old, new in delta.topics_changed()}
    for group in turn.state.groups.values():
        if isinstance(group, Toy) and (
            group.topic in changed or (GROUP_RESOURCE, group.group_id) in delta.configs_changed
        ):
            turn.write(group.written(group.epoch + 1, group.topic))


def _describe(turn: ShardTurn, ask: Ask) -> None:
    rows = []
    for group_id in ask.body.group_ids:
        group = turn.state.groups.get(group_id)
        if isinstance(group, Toy):
            rows.append(DescribedGroup(group_id=group_id, group_epoch=group.epoch))
        else:
            rows.append(DescribedGroup(group_id=group_id, error_code=ErrorCode.GROUP_ID_NOT_FOUND))
    turn.reply(ask.token, ConsumerGroupDescribeResponse(groups=rows))


def _refuse_describe(
    body: ConsumerGroupDescribeRequest, error: ErrorCode
) -> ConsumerGroupDescribeResponse:
    rows = [DescribedGroup(group_id=one, error_code=error) for one in body.group_ids]
    return ConsumerGroupDescribeResponse(groups=rows)


def _refuse(body: Any, error: ErrorCode) -> ConsumerGroupHeartbeatResponse:
    return ConsumerGroupHeartbeatResponse(error_code=error)


TOY: Final = Kind(
    names=("toy",),
    requests={
        ConsumerGroupHeartbeatRequest: _beat,
        HeartbeatRequest: lambda turn, group, ask: turn.reply(
            ask.token, HeartbeatResponse(error_code=ErrorCode.FENCED_MEMBER_EPOCH)
        ),
    },
    begins={
        ConsumerGroupHeartbeatRequest: Begin(
            _begin,
            lambda turn, other, ask: turn.reply(
                ask.token, _refuse(ask.body, ErrorCode.GROUP_ID_NOT_FOUND)
            ),
            _refuse,
        )
    },
    records={KEY_TYPE: _apply},
    timers={"bored": lambda turn, group, key: turn.note(f"{group.group_id} is bored")},
    shared={
        ConsumerGroupDescribeRequest: Shared(
            _describe,
            _refuse_describe,
            several("group_ids", "groups", ConsumerGroupDescribeResponse),
        )
    },
    loaded=lambda turn: turn.note("toys are here"),
    on_image=_on_image,
)
