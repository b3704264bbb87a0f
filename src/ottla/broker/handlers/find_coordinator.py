"""FindCoordinator: which broker coordinates a key, such as a group.

Needs DESCRIBE on the group or transactional id, CLUSTER_ACTION for share coordinators. Versions 0
to 6: one key up to 3, several from 4 on (KIP-699). The first one that asks makes the topic that
the coordinator lives in (broker/internal_topics.py), such as `__consumer_offsets`; Apache Kafka
answers COORDINATOR_NOT_AVAILABLE meanwhile, we hold the reply until it is there.

There are no coordinators of transactions and share groups yet, and clients must hear that at once:
COORDINATOR_NOT_AVAILABLE would be tried again until they time out. Up to version 3 (librdkafka,
kafka-python, aiokafka) the answer for a transactional id is TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
the one error that librdkafka takes as final there; from 4 on (Apache's client, franz-go) it is
UNSUPPORTED_VERSION, for these take any unknown error as final and show its text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ottla.broker import auto_topic_creation
from ottla.broker.internal_topics import INTERNAL_TOPICS
from ottla.security.resources import CLUSTER, Operation, group, transactional_id
from ottla.wire.coordinator_types import GROUP, SHARE, TRANSACTION
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.find_coordinator import (
    Coordinator,
    FindCoordinatorRequest,
    FindCoordinatorResponse,
)

if TYPE_CHECKING:
    from ottla.broker.asked import Asked
    from ottla.broker.context import Context
    from ottla.broker.internal_topics import InternalTopic

BATCH_VERSION: Final = 4
SHARE_VERSION: Final = 6

_TOPICS: Final = {topic.key_type: topic for topic in INTERNAL_TOPICS}

NO_TRANSACTIONS: Final = (
    "This node has no transaction coordinator yet: "
    "use an idempotent producer without a transactional.id."
)
NO_SHARE_GROUPS: Final = "This node has no share coordinator yet: use a consumer group."
UNKNOWN_KEY_TYPE: Final = "There is no coordinator of this key type."


def handle(
    context: Context, asked: Asked[FindCoordinatorRequest]
) -> FindCoordinatorResponse | None:
    """Answer from the image, after making the coordinator's topic if it is missing."""
    body = asked.body
    keys = body.coordinator_keys if asked.version >= BATCH_VERSION else [body.key]
    is_denied = _is_share(asked) and not context.authorize(asked, Operation.CLUSTER_ACTION, CLUSTER)
    # Share coordinators are brokers' own affair: one answer for all their keys.
    shared_denial = ErrorCode.CLUSTER_AUTHORIZATION_FAILED if is_denied else ErrorCode.NONE
    denied = {key: shared_denial or _denial(context, asked, key) for key in dict.fromkeys(keys)}
    topic = _TOPICS.get(body.key_type)
    if topic is None or all(denied.values()) or topic.name in context.image.topics.by_name:
        return _response(context, asked, keys, denied)

    def created(_errors: dict[str, int]) -> None:
        context.reply(asked.token, _response(context, asked, keys, denied))

    auto_topic_creation.create(context, [topic.name], created)
    return None


def _is_share(asked: Asked[FindCoordinatorRequest]) -> bool:
    return asked.body.key_type == SHARE and asked.version >= SHARE_VERSION


def _denial(context: Context, asked: Asked[FindCoordinatorRequest], key: str) -> ErrorCode:
    if asked.body.key_type == GROUP:
        if not context.authorize(asked, Operation.DESCRIBE, group(key)):
            return ErrorCode.GROUP_AUTHORIZATION_FAILED
    elif asked.body.key_type == TRANSACTION and not context.authorize(
        asked, Operation.DESCRIBE, transactional_id(key)
    ):
        return ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED
    return ErrorCode.NONE


def _response(
    context: Context,
    asked: Asked[FindCoordinatorRequest],
    keys: list[str],
    denied: dict[str, ErrorCode],
) -> FindCoordinatorResponse:
    batch = asked.version >= BATCH_VERSION
    coordinators = [
        # Of several, those that are denied have no text in Apache Kafka.
        _refusal(key, denied[key], "" if batch else denied[key].text)
        if denied[key]
        else _find(context, asked, key)
        for key in keys
    ]
    if batch:
        return FindCoordinatorResponse(coordinators=coordinators)
    found = coordinators[0]
    return FindCoordinatorResponse(
        error_code=found.error_code,
        error_message=found.error_message or ErrorCode(found.error_code).name,
        node_id=found.node_id,
        host=found.host,
        port=found.port,
    )


def _find(context: Context, asked: Asked[Any], key: str) -> Coordinator:
    key_type = asked.body.key_type
    topic = _TOPICS.get(key_type)
    if topic is not None:
        return _coordinator(context, asked, topic, key)
    if key_type == TRANSACTION:
        old = asked.version < BATCH_VERSION
        error = (
            ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED
            if old
            else ErrorCode.UNSUPPORTED_VERSION
        )
        return _refusal(key, error, NO_TRANSACTIONS)
    if _is_share(asked):
        return _refusal(key, ErrorCode.UNSUPPORTED_VERSION, NO_SHARE_GROUPS)
    return _refusal(key, ErrorCode.INVALID_REQUEST, UNKNOWN_KEY_TYPE)


def _coordinator(
    context: Context, asked: Asked[Any], topic: InternalTopic[Any], key: str
) -> Coordinator:
    image = context.image
    found = image.topics.by_name.get(topic.name)
    if found is not None:
        coordinator = context.coordinators.of(topic)
        partition = coordinator.partition_for(key)
        leader_id = found.partitions[partition].leader
        leader = image.brokers.get(leader_id)
        endpoint = None if leader is None else context.broker_endpoint(leader, asked)
        if leader_id == context.node_id and not (
            coordinator.serves(partition) and (topic.name, partition) not in context.offline
        ):
            # Its part of the topic can't be read: to name this broker would send clients in a
            # circle.
            endpoint = None
        if endpoint is not None:
            host, port = endpoint
            return Coordinator(key=key, node_id=leader_id, host=host, port=port, error_message="")
    error = ErrorCode.COORDINATOR_NOT_AVAILABLE
    return _refusal(key, error, error.text)


def _refusal(key: str, error: ErrorCode, text: str) -> Coordinator:
    return Coordinator(key=key, node_id=-1, host="", port=-1, error_code=error, error_message=text)
