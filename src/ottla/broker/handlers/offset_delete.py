"""OffsetDelete: forget single offsets of a group.

Needs DELETE on the group and READ on the topics. Version 0. Topics that do not exist, or that the
client may not read, fail one by one; the others go to the coordinator, which spares what the
group's members still read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ottla.broker.asker import as_ask
from ottla.security.resources import Operation, ResourceType, group
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.offset_delete import (
    OffsetDeleteRequest,
    OffsetDeleteRequestTopic,
    OffsetDeleteResponse,
    OffsetDeleteResponsePartition,
    OffsetDeleteResponseTopic,
)

if TYPE_CHECKING:
    from ottla.broker.asked import Asked
    from ottla.broker.context import Context


def handle(context: Context, asked: Asked[OffsetDeleteRequest]) -> OffsetDeleteResponse | None:
    """Sort out what does not exist, hand the rest to the coordinator, and join both answers."""
    request = asked.body
    if not context.authorize(asked, Operation.DELETE, group(request.group_id)):
        return OffsetDeleteResponse(error_code=ErrorCode.GROUP_AUTHORIZATION_FAILED)
    names = [topic.name for topic in request.topics]
    readable = context.allowed_names(asked, Operation.READ, ResourceType.TOPIC, names)
    known = []
    refused = {}
    for topic in request.topics:
        may_read = topic.name in readable
        found = context.image.topics.by_name.get(topic.name) if may_read else None
        count = 0 if found is None else len(found.partitions)
        there = [one for one in topic.partitions if 0 <= one.partition_index < count]
        if there:
            known.append(OffsetDeleteRequestTopic(name=topic.name, partitions=there))
        refused[topic.name] = OffsetDeleteResponseTopic(
            name=topic.name,
            partitions=[
                OffsetDeleteResponsePartition(
                    partition_index=one.partition_index,
                    error_code=ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
                    if may_read
                    else ErrorCode.TOPIC_AUTHORIZATION_FAILED,
                )
                for one in topic.partitions
                if not 0 <= one.partition_index < count
            ],
        )

    def deleted(response: OffsetDeleteResponse) -> OffsetDeleteResponse:
        if response.error_code == ErrorCode.NONE:
            for topic in response.topics:
                refused[topic.name].partitions.extend(topic.partitions)
            response.topics = list(refused.values())
        return response

    request.topics = known
    context.groups.submit(as_ask(asked, finish=deleted))
    return None
