"""Metadata: brokers, topics, partitions and who leads them; creates topics that are named for the
first time.

Needs DESCRIBE on the topics: without it a topic that was named is refused, whether it exists or
not, and one that was not is left out. What is missing is created for whoever has CREATE on the
cluster or on the topic. Topics by id from version 10 on, with null names from 12 on. A topic that
is named twice is answered once, as by Apache Kafka. Where that answers an auto-created topic with
UNKNOWN_TOPIC_OR_PARTITION until a later try, we hold the reply until it is there: the client needs
one request less.

A reply is made of the request and the state of the cluster alone, so it stays true until that
changes: who asks the same gets it from the core.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ottla.broker import auto_topic_creation
from ottla.broker.shown import shown
from ottla.metadata.topic_names import is_internal, topic_name_problem
from ottla.security.resources import CLUSTER, Operation, ResourceType, topic
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.metadata import (
    MetadataRequest,
    MetadataRequestTopic,
    MetadataResponse,
    MetadataResponseBroker,
    MetadataResponsePartition,
    MetadataResponseTopic,
)
from ottla.wire.types import ZERO_UUID

if TYPE_CHECKING:
    from ottla.broker.asked import Asked
    from ottla.broker.context import Context
    from ottla.metadata.image import Partition, Topic

NOT_ASKED = -2147483648
"""What the authorized-operations fields hold when the client did not ask for them."""


def handle(context: Context, asked: Asked[MetadataRequest]) -> MetadataResponse | None:
    """Answer from the image, after creating what is missing and may be created."""
    if asked.version < 12 and any(
        one.name is None or one.topic_id != ZERO_UUID for one in asked.body.topics or ()
    ):
        return _refused_ids(asked)
    allowed = _allowed(context, asked)
    if not allowed.missing:
        context.reply(asked.token, _response(context, asked, allowed, {}), stays=True)
        return None

    def created(errors: dict[str, int]) -> MetadataResponse:
        return _response(context, asked, allowed, errors)

    response: MetadataResponse | None = auto_topic_creation.create(
        context, allowed.missing, created, asked
    )
    return response


class _Allowed(NamedTuple):
    """What the client may hear of, by name, and what is to be created for it."""

    seen: set[str]
    missing: list[str]


def _allowed(context: Context, asked: Asked[MetadataRequest]) -> _Allowed:
    is_all = _is_all(asked)
    names = set(context.image.topics.by_name) if is_all else _asked_names(context, asked)
    seen = context.allowed_names(asked, Operation.DESCRIBE, ResourceType.TOPIC, names, quiet=is_all)
    missing = [] if is_all else _creatable_names(context, asked, seen)
    if missing and not context.authorize(asked, Operation.CREATE, CLUSTER, quiet=True):
        creatable = context.allowed_names(asked, Operation.CREATE, ResourceType.TOPIC, missing)
        # Whoever may not create it is refused as if they might not see it.
        seen = seen - (set(missing) - creatable)
        missing = [name for name in missing if name in creatable]
    return _Allowed(seen, missing)


def _is_all(asked: Asked[MetadataRequest]) -> bool:
    topics = asked.body.topics
    return topics is None or (asked.version == 0 and not topics)


def _asked_names(context: Context, asked: Asked[MetadataRequest]) -> set[str]:
    """The names of the topics that are asked for; ids that stand for nothing here have none."""
    topics = context.image.topics
    names = set()
    for one in asked.body.topics or ():
        if one.name is not None and one.topic_id == ZERO_UUID:
            names.add(one.name)
        elif one.topic_id in topics.by_id:
            names.add(topics.by_id[one.topic_id].name)
    return names


def _refused_ids(asked: Asked[MetadataRequest]) -> MetadataResponse:
    """Versions 10 and 11 have a place for ids, which Apache Kafka refuses; so do we."""
    return MetadataResponse(
        topics=[
            MetadataResponseTopic(
                error_code=ErrorCode.INVALID_REQUEST,
                name=one.name or "",
                topic_id=one.topic_id,
            )
            for one in asked.body.topics or ()
        ]
    )


def _creatable_names(context: Context, asked: Asked[MetadataRequest], seen: set[str]) -> list[str]:
    may_create = asked.version < 4 or asked.body.allow_auto_topic_creation
    if not may_create or not context.config["auto.create.topics.enable"]:
        return []
    known = context.image.topics.by_name
    names = [one.name for one in asked.body.topics or () if one.name is not None]
    return [
        name
        for name in dict.fromkeys(names)
        if name in seen and name not in known and not topic_name_problem(name)
    ]


def _response(
    context: Context,
    asked: Asked[MetadataRequest],
    allowed: _Allowed,
    creation_errors: dict[str, int],
) -> MetadataResponse:
    body = asked.body
    wants_operations = asked.version >= 8 and body.include_topic_authorized_operations
    topics = _topics(context, asked, allowed.seen)
    for found in topics:
        if found.name is None:
            continue
        if found.error_code == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION:
            found.error_code = _creation_error(creation_errors.get(found.name))
        if wants_operations and found.error_code == ErrorCode.NONE:
            found.topic_authorized_operations = context.authorized_operations(
                asked, topic(found.name)
            )
    return MetadataResponse(
        brokers=_brokers(context, asked),
        cluster_id=context.cluster_id,
        controller_id=_some_broker(context),
        topics=topics,
        cluster_authorized_operations=_cluster_operations(context, asked),
    )


def _cluster_operations(context: Context, asked: Asked[MetadataRequest]) -> int:
    if not (8 <= asked.version <= 10 and asked.body.include_cluster_authorized_operations):
        return NOT_ASKED
    if not context.authorize(asked, Operation.DESCRIBE, CLUSTER):
        return 0
    return context.authorized_operations(asked, CLUSTER)


def _topics(
    context: Context, asked: Asked[MetadataRequest], seen: set[str]
) -> list[MetadataResponseTopic]:
    if _is_all(asked):
        all_topics = context.image.topics.by_name
        return [_found(context, one) for name, one in all_topics.items() if name in seen]
    once = {(one.name, one.topic_id): one for one in asked.body.topics or ()}
    return [_topic(context, one, seen) for one in once.values()]


def _topic(context: Context, asked: MetadataRequestTopic, seen: set[str]) -> MetadataResponseTopic:
    topics = context.image.topics
    if asked.name is None or asked.topic_id != ZERO_UUID:
        found = topics.by_id.get(asked.topic_id)
        if found is not None and found.name in seen:
            return _found(context, found)
        # That an id is there is no secret; what it stands for is.
        return MetadataResponseTopic(
            error_code=ErrorCode.UNKNOWN_TOPIC_ID
            if found is None
            else ErrorCode.TOPIC_AUTHORIZATION_FAILED,
            name=None,
            topic_id=asked.topic_id,
        )
    found = topics.by_name.get(asked.name)
    if asked.name not in seen:
        error = ErrorCode.TOPIC_AUTHORIZATION_FAILED
    elif found is not None:
        return _found(context, found)
    elif topic_name_problem(asked.name):
        error = ErrorCode.INVALID_TOPIC_EXCEPTION
    else:
        error = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    return MetadataResponseTopic(
        error_code=error, name=asked.name, is_internal=is_internal(asked.name)
    )


def _found(context: Context, found: Topic) -> MetadataResponseTopic:
    return MetadataResponseTopic(
        name=found.name,
        topic_id=found.id,
        is_internal=is_internal(found.name),
        partitions=[
            _row(context, found.name, *numbered) for numbered in enumerate(found.partitions)
        ],
    )


def _row(
    context: Context, name: str, index: int, partition: Partition
) -> MetadataResponsePartition:
    error, leader, offline = shown(context, name, index, partition)
    return MetadataResponsePartition(
        error_code=error,
        partition_index=index,
        leader_id=leader,
        leader_epoch=partition.leader_epoch,
        replica_nodes=list(partition.replicas),
        isr_nodes=list(partition.isr),
        offline_replicas=offline,
    )


def _brokers(context: Context, asked: Asked[MetadataRequest]) -> list[MetadataResponseBroker]:
    """The brokers that are alive, under their addresses on the listener that the client uses."""
    found = []
    for broker in context.image.brokers.values():
        if broker.fenced:
            continue
        address = context.broker_endpoint(broker, asked)
        if address is None:
            continue
        host, port = address
        found.append(
            MetadataResponseBroker(node_id=broker.id, host=host, port=port, rack=broker.rack)
        )
    return found


def _some_broker(context: Context) -> int:
    """Clients send admin calls here; any broker forwards them, so we name ourselves while we are
    alive.
    """
    me = context.image.brokers.get(context.node_id)
    return context.node_id if me is not None and not me.fenced else -1


def _creation_error(code: int | None) -> int:
    """What the client learns of a creation that failed: a bad name or policy is final, all else it
    tries again.
    """
    if code in (ErrorCode.INVALID_TOPIC_EXCEPTION, ErrorCode.POLICY_VIOLATION):
        return int(code)
    return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
