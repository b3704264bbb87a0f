"""FindCoordinator: which broker coordinates a key, such as a group.

Needs the right that the kind of keys asks for, such as DESCRIBE on the group. Versions 0 to 6: one
key up to 3, several from 4 on (KIP-699). The first one that asks makes the topic that the
coordinator lives in (broker/internal_topics.py), such as `__consumer_offsets`. Apache Kafka answers
COORDINATOR_NOT_AVAILABLE meanwhile; we hold the reply until the coordinator can be used, unless
this is the only broker: then it is named at once, and what is asked of it waits there.

What differs between the kinds of keys, and who is told what of a kind that is not served yet, is in
their rows there.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from ottla.broker import auto_topic_creation
from ottla.broker.internal_topics import (
    INTERNAL_TOPICS,
    UNSERVED,
    CoordinatorNotLoaded,
    InternalTopic,
    Unserved,
)
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.find_coordinator import (
    Coordinator,
    FindCoordinatorRequest,
    FindCoordinatorResponse,
)

if TYPE_CHECKING:
    from ottla.broker.asked import Asked
    from ottla.broker.context import Context
    from ottla.broker.internal_topics import Keys

BATCH_VERSION: Final = 4

Row = InternalTopic[Any] | Unserved
LeaderOf = Callable[[str], int]
"""Says which broker leads the partition of a key, where the image can't yet."""

_KINDS: tuple[Row, ...] = INTERNAL_TOPICS + UNSERVED
_ROWS: Final = {row.keys.type: row for row in _KINDS}

UNKNOWN_KEY_TYPE: Final = "There is no coordinator of this key type."


def handle(
    context: Context, asked: Asked[FindCoordinatorRequest]
) -> FindCoordinatorResponse | None:
    """Answer from the image, after making the coordinator's topic if it is missing."""
    body = asked.body
    keys = body.coordinator_keys if asked.version >= BATCH_VERSION else [body.key]
    row = _ROWS.get(body.key_type)
    if row is not None and asked.version < row.keys.version:
        row = None
    denied = set() if row is None else _denied(context, asked, row.keys, keys)
    if not isinstance(row, InternalTopic) or denied.issuperset(keys):
        return _response(context, asked, row, keys, denied)

    if row.name not in context.image.topics.by_name:
        create = partial(auto_topic_creation.create_internal, context, row.name)
        on_its_way = context.coordinators.create_topic(row, create)
        if on_its_way and _can_only_be_here(context, row):
            return _response(context, asked, row, keys, denied, lambda _key: context.node_id)

    def answer() -> None:
        response = _response(context, asked, row, keys, denied)
        is_there = row.name in context.image.topics.by_name
        # Who was denied something is asked about anew each time.
        stays = is_there and not denied and _is_found(response)
        context.reply(asked.token, response, stays=stays)

    context.coordinators.once_ready(row, asked.token, answer)
    return None


def _can_only_be_here(context: Context, topic: InternalTopic[Any]) -> bool:
    """Whether a topic that is being created will be led by this broker, as there is no other."""
    replicas: int = context.config[topic.replication_factor_key]
    return replicas <= 1 and list(context.image.brokers) == [context.node_id]


def _is_found(response: FindCoordinatorResponse) -> bool:
    several = [found.error_code for found in response.coordinators]
    return not any(several or [response.error_code])


def _denied(
    context: Context, asked: Asked[FindCoordinatorRequest], kind: Keys, keys: list[str]
) -> set[str]:
    """The keys that the client may not hear of; each resource is asked about once."""
    resources = {key: kind.resource(key) for key in keys}
    verdicts = {
        resource: context.authorize(asked, kind.operation, resource)
        for resource in dict.fromkeys(resources.values())
    }
    return {key for key, resource in resources.items() if not verdicts[resource]}


def _response(
    context: Context,
    asked: Asked[FindCoordinatorRequest],
    row: Row | None,
    keys: list[str],
    denied: set[str],
    leader_of: LeaderOf | None = None,
) -> FindCoordinatorResponse:
    batch = asked.version >= BATCH_VERSION
    coordinators = [
        # Of several, those that are denied have no text in Apache Kafka.
        _refusal(key, row.keys.denial, "" if batch else row.keys.denial.text)
        if row is not None and key in denied
        else _find(context, asked, row, key, leader_of)
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


def _find(
    context: Context, asked: Asked[Any], row: Row | None, key: str, leader_of: LeaderOf | None
) -> Coordinator:
    if row is None:
        return _refusal(key, ErrorCode.INVALID_REQUEST, UNKNOWN_KEY_TYPE)
    if isinstance(row, Unserved):
        return _refusal(key, row.alone if asked.version < BATCH_VERSION else row.among, row.text)
    try:
        leader_id = _leader(context, row, key) if leader_of is None else leader_of(key)
        found = _coordinator(context, asked, key, leader_id)
    except CoordinatorNotLoaded:
        found = None
    error = ErrorCode.COORDINATOR_NOT_AVAILABLE
    return _refusal(key, error, error.text) if found is None else found


def _coordinator(
    context: Context, asked: Asked[Any], key: str, leader_id: int
) -> Coordinator | None:
    leader = context.image.brokers.get(leader_id)
    endpoint = None if leader is None else context.broker_endpoint(leader, asked)
    if endpoint is None:
        return None
    host, port = endpoint
    return Coordinator(key=key, node_id=leader_id, host=host, port=port, error_message="")


def _leader(context: Context, topic: InternalTopic[Any], key: str) -> int:
    """The broker that coordinates a key; -1 if none can now."""
    found = context.image.topics.by_name.get(topic.name)
    if found is None:
        return -1
    coordinator = context.coordinators.of(topic)
    partition = coordinator.partition_for(key)
    leader_id: int = found.partitions[partition].leader
    if leader_id == context.node_id and not (
        coordinator.serves(partition) and (topic.name, partition) not in context.offline
    ):
        # Its part of the topic can't be read: to name this broker would send clients in a circle.
        return -1
    return leader_id


def _refusal(key: str, error: ErrorCode, text: str) -> Coordinator:
    return Coordinator(key=key, node_id=-1, host="", port=-1, error_code=error, error_message=text)
