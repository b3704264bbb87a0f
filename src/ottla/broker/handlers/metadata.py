"""Metadata: brokers, topics, partitions and who leads them; creates topics that are named for the
first time.

Needs DESCRIBE on the topics (no authorizer yet). Topics by id from version 10 on, with null names
from 12 on. A topic that is named twice is answered once, as by Apache Kafka. Where that answers an
auto-created topic with UNKNOWN_TOPIC_OR_PARTITION until a later try, we hold the reply until it is
there: the client needs one request less.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ottla.broker import auto_topic_creation
from ottla.broker.authorized_operations import CLUSTER_OPERATIONS, TOPIC_OPERATIONS
from ottla.metadata.topic_names import is_internal, topic_name_problem
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.metadata import (
    MetadataRequest,
    MetadataRequestTopic,
    MetadataResponse,
    MetadataResponseBroker,
    MetadataResponseTopic,
)
from ottla.wire.types import ZERO_UUID

if TYPE_CHECKING:
    from ottla.broker.asked import Asked
    from ottla.broker.context import Context
    from ottla.metadata.image import Topic

NOT_ASKED = -2147483648
"""What the authorized-operations fields hold when the client did not ask for them."""


def handle(context: Context, asked: Asked[MetadataRequest]) -> MetadataResponse | None:
    """Answer from the image, after creating what is missing and may be created."""
    if asked.version < 12 and any(
        topic.name is None or topic.topic_id != ZERO_UUID for topic in asked.body.topics or ()
    ):
        return _refused_ids(asked)
    missing = _creatable_names(context, asked)
    if not missing:
        return _response(context, asked, {})

    def created(errors: dict[str, int]) -> None:
        context.reply(asked.token, _response(context, asked, errors))

    auto_topic_creation.create(context, missing, created)
    return None


def _refused_ids(asked: Asked[MetadataRequest]) -> MetadataResponse:
    """Versions 10 and 11 have a place for ids, which Apache Kafka refuses; so do we."""
    return MetadataResponse(
        topics=[
            MetadataResponseTopic(
                error_code=ErrorCode.INVALID_REQUEST,
                name=topic.name or "",
                topic_id=topic.topic_id,
            )
            for topic in asked.body.topics or ()
        ]
    )


def _creatable_names(context: Context, asked: Asked[MetadataRequest]) -> list[str]:
    may_create = asked.version < 4 or asked.body.allow_auto_topic_creation
    if not may_create or not context.config["auto.create.topics.enable"]:
        return []
    known = context.image.topics.by_name
    names = [topic.name for topic in asked.body.topics or () if topic.name is not None]
    return [
        name for name in dict.fromkeys(names) if name not in known and not topic_name_problem(name)
    ]


def _response(
    context: Context, asked: Asked[MetadataRequest], creation_errors: dict[str, int]
) -> MetadataResponse:
    body = asked.body
    wants_operations = asked.version >= 8 and body.include_topic_authorized_operations
    topics = [
        _topic(context, topic)
        if isinstance(topic, MetadataRequestTopic)
        else _found(context, topic)
        for topic in _asked_topics(context, asked)
    ]
    for topic in topics:
        if topic.error_code == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION and topic.name is not None:
            topic.error_code = _creation_error(creation_errors.get(topic.name))
        if wants_operations and topic.error_code == ErrorCode.NONE:
            topic.topic_authorized_operations = TOPIC_OPERATIONS
    return MetadataResponse(
        brokers=_brokers(context, asked),
        cluster_id=context.cluster_id,
        controller_id=_some_broker(context),
        topics=topics,
        cluster_authorized_operations=CLUSTER_OPERATIONS
        if 8 <= asked.version <= 10 and body.include_cluster_authorized_operations
        else NOT_ASKED,
    )


def _asked_topics(
    context: Context, asked: Asked[MetadataRequest]
) -> list[MetadataRequestTopic] | list[Topic]:
    topics = asked.body.topics
    if topics is None or (asked.version == 0 and not topics):
        return list(context.image.topics.by_name.values())
    return list({(topic.name, topic.topic_id): topic for topic in topics}.values())


def _topic(context: Context, asked: MetadataRequestTopic) -> MetadataResponseTopic:
    topics = context.image.topics
    if asked.name is None or asked.topic_id != ZERO_UUID:
        found = topics.by_id.get(asked.topic_id)
        if found is None:
            return MetadataResponseTopic(
                error_code=ErrorCode.UNKNOWN_TOPIC_ID, name=None, topic_id=asked.topic_id
            )
        return _found(context, found)
    found = topics.by_name.get(asked.name)
    if found is not None:
        return _found(context, found)
    error = (
        ErrorCode.INVALID_TOPIC_EXCEPTION
        if topic_name_problem(asked.name)
        else ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    )
    return MetadataResponseTopic(
        error_code=error, name=asked.name, is_internal=is_internal(asked.name)
    )


def _found(context: Context, topic: Topic) -> MetadataResponseTopic:
    return MetadataResponseTopic(
        name=topic.name,
        topic_id=topic.id,
        is_internal=is_internal(topic.name),
        partitions=context.metadata_rows.of(context, topic),
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
