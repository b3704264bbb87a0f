"""What the two APIs that commit offsets have in common: which topics of a request a client may
commit to.

Topics that do not exist, or that the client may not read, fail one by one; the others go to the
coordinator, and both answers become one.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import TYPE_CHECKING, Any, NamedTuple

from ottla.security.resources import Operation, ResourceType
from ottla.wire.errors import ErrorCode
from ottla.wire.types import ZERO_UUID

if TYPE_CHECKING:
    from ottla.broker.asked import Asked
    from ottla.broker.context import Context


class Rows(NamedTuple):
    """The rows of an API's response, as their classes."""

    topic: type[Any]
    partition: type[Any]


class Sorted(NamedTuple):
    """A request's topics, cut in two."""

    known: list[Any]
    """Topics of the request, with the partitions that there are."""
    refused: list[Any]
    """Topics of the response, with the others."""


def sort_out(
    context: Context, asked: Asked[Any], topics: Sequence[Any], rows: Rows, *, by_id: bool
) -> Sorted:
    """Tell what can be committed from what can't; `by_id` if topics are named by their ids."""
    ids = context.image.topics.by_id
    if by_id:
        for topic in topics:
            topic.name = ids[topic.topic_id].name if topic.topic_id in ids else ""
    names = [topic.name for topic in topics if topic.name or not by_id]
    readable = context.allowed_names(asked, Operation.READ, ResourceType.TOPIC, names)
    found = Sorted([], [])
    for topic in topics:
        _sort(context, topic, rows, readable, found, by_id=by_id)
    return found


def _sort(
    context: Context, topic: Any, rows: Rows, readable: set[str], into: Sorted, *, by_id: bool
) -> None:
    topics = context.image.topics
    found = topics.by_id.get(topic.topic_id) if by_id else topics.by_name.get(topic.name)
    count = 0 if found is None else len(found.partitions)
    unknown = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    if found is None and by_id:
        unknown = ErrorCode.UNKNOWN_TOPIC_ID
    elif topic.name not in readable:
        # Whether it exists is not for this client to know.
        found, count, unknown = None, 0, ErrorCode.TOPIC_AUTHORIZATION_FAILED
    refused = [
        rows.partition(partition_index=one.partition_index, error_code=unknown)
        for one in topic.partitions
        if not 0 <= one.partition_index < count
    ]
    partitions = [one for one in topic.partitions if 0 <= one.partition_index < count]
    named = {"name": topic.name}
    if hasattr(topic, "topic_id"):
        # The record says which topic it was, whatever the client called it by.
        named["topic_id"] = topic.topic_id if found is None else found.id
    if found is not None and (partitions or not refused):
        known = copy(topic)
        known.partitions = partitions
        for name, value in named.items():
            setattr(known, name, value)
        into.known.append(known)
    if refused or found is None:
        into.refused.append(rows.topic(**named, partitions=refused))


def joined(refused: list[Any], committed: list[Any]) -> list[Any]:
    """Both answers as one: a topic that is in both once, its refused partitions first."""
    by_topic = {_key(topic): topic for topic in refused}
    topics = list(refused)
    for topic in committed:
        known = by_topic.get(_key(topic))
        if known is None:
            topics.append(topic)
        else:
            known.partitions.extend(topic.partitions)
    return topics


def _key(topic: Any) -> tuple[str, bytes]:
    return topic.name, getattr(topic, "topic_id", ZERO_UUID)
