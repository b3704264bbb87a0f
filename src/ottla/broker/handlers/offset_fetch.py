"""OffsetFetch: how far groups have read.

Needs DESCRIBE on the groups and topics (no authorizer yet). Versions 1 to 10: all topics of a group
(null) from 2 on, stable offsets (KIP-447) from 7, several groups (KIP-709) from 8, topic ids
instead of names from 10. A group or partition that nothing was committed for has the offset -1 and
no error. What is named twice is answered once: clients ask for sets, and find what they asked for
by its name in the answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ottla.broker.asker import answer, asker
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.offset_fetch import (
    OffsetFetchRequest,
    OffsetFetchRequestGroup,
    OffsetFetchRequestTopics,
    OffsetFetchResponse,
    OffsetFetchResponseGroup,
    OffsetFetchResponsePartition,
    OffsetFetchResponsePartitions,
    OffsetFetchResponseTopic,
    OffsetFetchResponseTopics,
)

if TYPE_CHECKING:
    from ottla.broker.asked import Asked
    from ottla.broker.context import Context

GROUP_ERROR_VERSION = 2
BATCH_VERSION = 8
TOPIC_ID_VERSION = 10


def handle(context: Context, asked: Asked[OffsetFetchRequest]) -> OffsetFetchResponse | None:
    """Ask the coordinator for the groups and answer when all are there."""
    groups = asked.body.groups if asked.version >= BATCH_VERSION else [_only_group(asked.body)]
    groups = _once(groups)
    if not groups:
        return OffsetFetchResponse()
    send = answer(context, asked)
    by_id = asked.version >= TOPIC_ID_VERSION

    def fetched(answers: list[OffsetFetchResponseGroup]) -> None:
        if by_id:
            for response, group in zip(answers, groups, strict=True):
                _name_by_id(context, response, group)
        send(_response(asked.version, answers, groups))

    wanted = [
        _by_name(context, group) if by_id and group.topics is not None else group
        for group in groups
    ]
    context.groups.offset_fetch(
        wanted, asker(context, asked), fetched, require_stable=asked.body.require_stable
    )
    return None


def _once(groups: list[OffsetFetchRequestGroup]) -> list[OffsetFetchRequestGroup]:
    """Each group once, with each of its topics and their partitions once."""
    found: dict[tuple[str, str | None, int], OffsetFetchRequestGroup] = {}
    for group in groups:
        first = found.setdefault((group.group_id, group.member_id, group.member_epoch), group)
        if first.topics is None or group.topics is None:
            first.topics = None
        elif first is not group:
            first.topics.extend(group.topics)
    for group in found.values():
        if group.topics is not None:
            group.topics = _topics_once(group.topics)
    return list(found.values())


def _topics_once(topics: list[OffsetFetchRequestTopics]) -> list[OffsetFetchRequestTopics]:
    partitions: dict[tuple[str, bytes], dict[int, None]] = {}
    for topic in topics:
        of_topic = partitions.setdefault((topic.name, topic.topic_id), {})
        of_topic.update(dict.fromkeys(topic.partition_indexes))
    return [
        OffsetFetchRequestTopics(name=name, topic_id=topic_id, partition_indexes=list(indexes))
        for (name, topic_id), indexes in partitions.items()
    ]


def _only_group(request: OffsetFetchRequest) -> OffsetFetchRequestGroup:
    """The single group of versions before 8, in the form of later ones."""
    return OffsetFetchRequestGroup(
        group_id=request.group_id,
        topics=None
        if request.topics is None
        else [
            OffsetFetchRequestTopics(name=topic.name, partition_indexes=topic.partition_indexes)
            for topic in request.topics
        ],
    )


def _by_name(context: Context, group: OffsetFetchRequestGroup) -> OffsetFetchRequestGroup:
    """The group's topics that exist, with the names that their ids stand for."""
    by_id = context.image.topics.by_id
    return OffsetFetchRequestGroup(
        group_id=group.group_id,
        topics=[
            OffsetFetchRequestTopics(
                name=by_id[topic.topic_id].name,
                topic_id=topic.topic_id,
                partition_indexes=topic.partition_indexes,
            )
            for topic in group.topics or ()
            if topic.topic_id in by_id
        ],
    )


def _name_by_id(
    context: Context, response: OffsetFetchResponseGroup, group: OffsetFetchRequestGroup
) -> None:
    """Give the answer the ids of its topics, and an error to those that do not exist."""
    if response.error_code:
        return
    if group.topics is None:
        by_name = context.image.topics.by_name
        response.topics = [topic for topic in response.topics if topic.name in by_name]
        for topic in response.topics:
            topic.topic_id = by_name[topic.name].id
        return
    response.topics += [
        OffsetFetchResponseTopics(
            topic_id=topic.topic_id,
            partitions=[
                _nothing(index, ErrorCode.UNKNOWN_TOPIC_ID) for index in topic.partition_indexes
            ],
        )
        for topic in group.topics
        if topic.topic_id not in context.image.topics.by_id
    ]


def _nothing(partition_index: int, error: int) -> OffsetFetchResponsePartitions:
    return OffsetFetchResponsePartitions(
        partition_index=partition_index, committed_offset=-1, metadata="", error_code=error
    )


def _response(
    version: int,
    answers: list[OffsetFetchResponseGroup],
    groups: list[OffsetFetchRequestGroup],
) -> OffsetFetchResponse:
    if version >= BATCH_VERSION:
        return OffsetFetchResponse(groups=answers)
    only = answers[0]
    if only.error_code and version < GROUP_ERROR_VERSION:
        # There is no place for an error of the group yet: each partition carries it.
        only.topics = [
            OffsetFetchResponseTopics(
                name=topic.name,
                partitions=[_nothing(index, only.error_code) for index in topic.partition_indexes],
            )
            for topic in groups[0].topics or ()
        ]
    return OffsetFetchResponse(
        error_code=only.error_code,
        topics=[
            OffsetFetchResponseTopic(
                name=topic.name,
                partitions=[
                    OffsetFetchResponsePartition(
                        partition_index=one.partition_index,
                        committed_offset=one.committed_offset,
                        committed_leader_epoch=one.committed_leader_epoch,
                        metadata=one.metadata,
                        error_code=one.error_code,
                    )
                    for one in topic.partitions
                ],
            )
            for topic in only.topics
        ],
    )
