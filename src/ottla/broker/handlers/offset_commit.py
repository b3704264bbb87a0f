"""OffsetCommit: keep how far a group has read.

Needs READ on the group and the topics. Versions 2 to 10: a retention of its own in 2 to 4, leader
epochs from 6, static members from 7, topic ids instead of names from 10. Topics that do not exist,
or that the client may not read, fail one by one; the others go to the coordinator.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ottla.broker.asker import as_ask
from ottla.coordinators.group.offsets import refuse_commit
from ottla.security.resources import Operation, ResourceType, group
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestTopic,
    OffsetCommitResponse,
    OffsetCommitResponsePartition,
    OffsetCommitResponseTopic,
)

if TYPE_CHECKING:
    from ottla.broker.asked import Asked
    from ottla.broker.context import Context

TOPIC_ID_VERSION = 10


def handle(context: Context, asked: Asked[OffsetCommitRequest]) -> OffsetCommitResponse | None:
    """Sort out what cannot be committed, hand on the rest, and join both answers."""
    request = asked.body
    if not context.authorize(asked, Operation.READ, group(request.group_id)):
        return refuse_commit(request, ErrorCode.GROUP_AUTHORIZATION_FAILED)
    by_id = context.image.topics.by_id
    if asked.version >= TOPIC_ID_VERSION:
        for topic in request.topics:
            topic.name = by_id[topic.topic_id].name if topic.topic_id in by_id else ""
    names = [topic.name for topic in request.topics if topic.name]
    readable = context.allowed_names(asked, Operation.READ, ResourceType.TOPIC, names)
    sorted_out = [_sort(context, topic, asked.version, readable) for topic in request.topics]
    known = [one.known for one in sorted_out if one.known is not None]
    refused = [one.refused for one in sorted_out if one.refused is not None]
    if not known:
        return OffsetCommitResponse(topics=refused)

    def committed(response: OffsetCommitResponse) -> OffsetCommitResponse:
        return OffsetCommitResponse(topics=_joined(refused, response.topics))

    request.topics = known
    context.groups.submit(as_ask(asked, finish=committed if refused else None))
    return None


class _Sorted(NamedTuple):
    """One topic of a request, cut in two; either may be None, not both."""

    known: OffsetCommitRequestTopic | None
    refused: OffsetCommitResponseTopic | None


def _sort(
    context: Context, topic: OffsetCommitRequestTopic, version: int, readable: set[str]
) -> _Sorted:
    topics = context.image.topics
    by_id = version >= TOPIC_ID_VERSION
    found = topics.by_id.get(topic.topic_id) if by_id else topics.by_name.get(topic.name)
    count = 0 if found is None else len(found.partitions)
    unknown = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    if found is None and by_id:
        unknown = ErrorCode.UNKNOWN_TOPIC_ID
    elif topic.name not in readable:
        # Whether it exists is not for this client to know.
        found, count, unknown = None, 0, ErrorCode.TOPIC_AUTHORIZATION_FAILED
    refused = [
        OffsetCommitResponsePartition(partition_index=one.partition_index, error_code=unknown)
        for one in topic.partitions
        if not 0 <= one.partition_index < count
    ]
    partitions = [one for one in topic.partitions if 0 <= one.partition_index < count]
    # The record says which topic it was, whatever the client called it by.
    name, topic_id = (topic.name, topic.topic_id) if found is None else (found.name, found.id)
    return _Sorted(
        OffsetCommitRequestTopic(name=name, topic_id=topic_id, partitions=partitions)
        if found is not None and (partitions or not refused)
        else None,
        OffsetCommitResponseTopic(name=name, topic_id=topic_id, partitions=refused)
        if refused or found is None
        else None,
    )


def _joined(
    refused: list[OffsetCommitResponseTopic], committed: list[OffsetCommitResponseTopic]
) -> list[OffsetCommitResponseTopic]:
    """Both answers as one: a topic that is in both once, its refused partitions first."""
    by_topic = {(topic.name, topic.topic_id): topic for topic in refused}
    topics = list(refused)
    for topic in committed:
        known = by_topic.get((topic.name, topic.topic_id))
        if known is None:
            topics.append(topic)
        else:
            known.partitions.extend(topic.partitions)
    return topics
