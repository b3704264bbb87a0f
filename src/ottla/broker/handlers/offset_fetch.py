"""OffsetFetch: how far groups have read.

Needs DESCRIBE on the groups and topics: a topic that was named is refused without it, one that was
not is left out. Versions 1 to 10: all topics of a group (null) from 2 on, stable offsets (KIP-447)
from 7, several groups (KIP-709) from 8, topic ids instead of names from 10. A group or partition
that nothing was committed for has the offset -1 and no error. What is named twice is answered once:
clients ask for sets, and find what they asked for by its name in the answer. A group that is named
by several members is answered for the first; 4.3.1 tells each the same, as often as it is asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ottla.broker.asker import as_ask
from ottla.security.resources import Operation, ResourceType
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
    names = [group.group_id for group in groups]
    seen = context.allowed_names(asked, Operation.DESCRIBE, ResourceType.GROUP, names)
    parts: dict[str, _Part] = {}
    refused: dict[int, ErrorCode] = {}
    for place, group in enumerate(groups):
        if group.group_id not in seen:
            refused[place] = ErrorCode.GROUP_AUTHORIZATION_FAILED
        elif group.group_id in parts:
            refused[place] = ErrorCode.INVALID_REQUEST
        else:
            parts[group.group_id] = _Part(context, asked, group)

    def response(answer: OffsetFetchResponse) -> OffsetFetchResponse:
        told = zip(parts.values(), answer.groups, strict=True)
        whole = iter([part.whole(one) for part, one in told])
        every = [
            OffsetFetchResponseGroup(group_id=group.group_id, error_code=refused[place])
            if place in refused
            else next(whole)
            for place, group in enumerate(groups)
        ]
        return _response(asked.version, every, groups)

    if not parts:
        return response(OffsetFetchResponse())
    wanted = OffsetFetchRequest(
        groups=[part.wanted for part in parts.values()], require_stable=asked.body.require_stable
    )
    context.groups.submit(as_ask(asked, wanted, response))
    return None


class _Part:
    """One group of a request: what the coordinator is asked, and what is put to its answer."""

    __slots__ = ("_asked", "_context", "_refused", "wanted")

    def __init__(
        self, context: Context, asked: Asked[OffsetFetchRequest], group: OffsetFetchRequestGroup
    ) -> None:
        self._context = context
        self._asked = asked
        self._refused: list[OffsetFetchResponseTopics] = []
        self.wanted = group
        if group.topics is None:
            return
        topics = [(topic, self._name(topic)) for topic in group.topics]
        seen = self._seen([name for _, name in topics if name is not None])
        wanted = []
        for topic, name in topics:
            if name in seen:
                wanted.append(
                    OffsetFetchRequestTopics(
                        name=name or "",
                        topic_id=topic.topic_id,
                        partition_indexes=topic.partition_indexes,
                    )
                )
                continue
            error = ErrorCode.UNKNOWN_TOPIC_ID
            if name is not None:
                error = ErrorCode.TOPIC_AUTHORIZATION_FAILED
            self._refused.append(
                OffsetFetchResponseTopics(
                    name=topic.name,
                    topic_id=topic.topic_id,
                    partitions=[_nothing(index, error) for index in topic.partition_indexes],
                )
            )
        self.wanted = OffsetFetchRequestGroup(
            group_id=group.group_id,
            member_id=group.member_id,
            member_epoch=group.member_epoch,
            topics=wanted,
        )

    def _name(self, topic: OffsetFetchRequestTopics) -> str | None:
        """What a topic is called; None if its id stands for nothing."""
        if self._asked.version < TOPIC_ID_VERSION:
            return topic.name
        found = self._context.image.topics.by_id.get(topic.topic_id)
        return None if found is None else found.name

    def _seen(self, names: list[str]) -> set[str]:
        return self._context.allowed_names(
            self._asked, Operation.DESCRIBE, ResourceType.TOPIC, names
        )

    def whole(self, response: OffsetFetchResponseGroup) -> OffsetFetchResponseGroup:
        """The coordinator's answer as this client may see it."""
        if response.error_code:
            return response
        if self.wanted.topics is None:
            seen = self._seen([topic.name for topic in response.topics])
            response.topics = [topic for topic in response.topics if topic.name in seen]
            if self._asked.version >= TOPIC_ID_VERSION:
                self._name_by_id(response)
        response.topics += self._refused
        return response

    def _name_by_id(self, response: OffsetFetchResponseGroup) -> None:
        by_name = self._context.image.topics.by_name
        response.topics = [topic for topic in response.topics if topic.name in by_name]
        for topic in response.topics:
            topic.topic_id = by_name[topic.name].id


def _once(groups: list[OffsetFetchRequestGroup]) -> list[OffsetFetchRequestGroup]:
    """Each group once for each member, with each of its topics and their partitions once."""
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
