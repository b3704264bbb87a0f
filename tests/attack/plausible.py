"""Requests that a client might send: every served API and version, filled with names that exist, so
that a handler goes as deep as it can.

They are generated from the declarations; the tables say what a field of some name holds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from ottla.broker.router import ROUTES
from ottla.wire.api import api, request_class
from ottla.wire.schema import Struct
from ottla.wire.types import Field

METADATA = b"\0\1\0\0\0\1\0\1t\xff\xff\xff\xff"
"""What a consumer that subscribes to the topic t says of itself."""


class Names(NamedTuple):
    """What exists on the node that is asked."""

    made: str
    """The topic that is made or deleted; all else is asked of the topic t."""
    group: str
    member: str
    topic_id: bytes
    batch: bytes
    transactional_id: str = "x"
    producer_id: int = 0
    """Of that id, with epoch 0."""


class Shape(NamedTuple):
    """One way to ask an API: what its fields hold, beyond what is common to all."""

    name: str
    fields: dict[str, Any]


SHAPES: dict[int, tuple[Shape, ...]] = {
    1: (Shape("read", {}), Shape("session", {"session_epoch": 0, "forgotten_topics_data": None})),
    2: (Shape("latest", {"timestamp": -1}), Shape("time", {"timestamp": 1000})),
    3: (Shape("name", {"topic_id": bytes(16)}), Shape("id", {"name": None})),
    19: (
        Shape("placed", {"assignments": []}),
        Shape("assigned", {"num_partitions": -1, "replication_factor": -1}),
    ),
    20: (Shape("name", {"topic_id": bytes(16)}), Shape("id", {"name": None})),
    22: (
        Shape("idempotent", {"transactional_id": None}),
        Shape("transactional", {"transactional_id": "new"}),
    ),
    24: (Shape("enters", {"verify_only": False}), Shape("verifies", {"verify_only": True})),
    26: (Shape("commit", {"committed": True}), Shape("abort", {"committed": False})),
    27: (
        Shape("commit", {"transaction_result": True}),
        Shape("newer", {"transaction_result": False, "transaction_version": 2}),
    ),
    32: tuple(
        Shape(f"kind-{kind}", {"resource_type": kind, "resource_name": name})
        for kind, name in ((2, "t"), (4, "1"), (8, "1"), (16, "m"), (32, "g"))
    ),
    37: (Shape("placed", {"assignments": None}), Shape("assigned", {})),
    44: tuple(
        Shape(f"kind-{kind}", {"resource_type": kind, "resource_name": name, ".name": key})
        for kind, name, key in (
            (2, "t", "retention.ms"),
            (4, "1", "log.retention.ms"),
            (4, "", "log.retention.ms"),
            (16, "m", "interval.ms"),
            (32, "g", "consumer.session.timeout.ms"),
        )
    ),
    55: (Shape("topic", {"topic_name": "__cluster_metadata"}),),
}
PLAIN = (Shape("plain", {}),)
TRANSACTIONAL = frozenset((24, 25, 26, 27, 28, 65))
"""APIs that are asked by the producer of a transactional id, or of one."""

VALUES: dict[str, Any] = {
    "name": "t", "topic": "t", "topic_name": "t", "topic_names": ["t"], "key": "g",
    "coordinator_keys": ["g"], "resource_name": "t", "group_id": "g", "groups_names": ["g"],
    "groups": ["g"], "generation_id": 1, "generation_id_or_member_epoch": 1,
    "group_instance_id": None, "protocol_type": "consumer", "protocol_name": "range",
    "session_timeout_ms": 60_000, "rebalance_timeout_ms": 60_000, "assignment": b"a",
    "metadata": METADATA, "acks": -1, "timeout_ms": 1000,
    "transactional_id": None, "max_wait_ms": 0, "min_bytes": 1, "max_bytes": 1 << 20,
    "partition_max_bytes": 1 << 20, "replica_id": -1, "replica_epoch": -1, "session_epoch": -1,
    "current_leader_epoch": -1, "last_fetched_epoch": -1, "log_start_offset": -1,
    "timestamp": -1,
    "committed_offset": 1, "committed_leader_epoch": 0, "committed_metadata": "m",
    "cluster_id": None,
    "retention_time_ms": -1, "num_partitions": 1, "replication_factor": 1, "broker_ids": [1],
    "partitions": [0], "partition_indexes": [0], "value": "1000", "resource_type": 2, "count": 3,
    "configuration_keys": None, "producer_id": -1, "producer_epoch": -1, "endpoint_type": 1,
    "response_partition_limit": 2000, "states_filter": ["Stable"], "types_filter": ["classic"],
    "resource_types": [2], "client_software_name": "attack", "client_software_version": "1",
    "offset": 0, "leader_epoch": 0, "validate_only": False, "pattern_type_filter": 3,
    "transaction_timeout_ms": 60_000, "coordinator_epoch": 0, "state_filters": ["Ongoing"],
    "duration_filter": 1000, "transactional_id_pattern": "a(b|c)*",
}  # fmt: skip
MADE = frozenset(
    (
        ("CreatableTopic", "name"),
        ("DeleteTopicState", "name"),
        ("DeleteTopicsRequest", "topic_names"),
    )
)
STRUCTS = {
    ("CreatableTopicConfig", "name"): "retention.ms",
    ("AlterableConfig", "name"): "retention.ms",
    ("JoinGroupRequestProtocol", "name"): "range",
}


def requests() -> list[tuple[int, int, Shape]]:
    """Every served API, version and shape."""
    return [
        (route.key, version, shape)
        for route in ROUTES
        for version in range(api(route.key).min_version, api(route.key).max_version + 1)
        for shape in SHAPES.get(route.key, PLAIN)
    ]


def request_of(key: int, version: int, shape: Shape, names: Names) -> Any:
    """The request of one shape."""
    producer = {
        "transactional_id": names.transactional_id,
        "transactional_ids": [names.transactional_id],
        "producer_id": names.producer_id,
        "producer_epoch": 0,
    }

    def value(of: str, name: str, field: Field) -> Any:
        if name in shape.fields:
            given = shape.fields[name]
            null = field.nullable[0] <= version <= field.nullable[1]
            return NotImplemented if given is None and not null else given
        if (of, name) in MADE:
            return [names.made] if field.kind.startswith("[]") else names.made
        if (of, name) in STRUCTS:
            return shape.fields.get("." + name, STRUCTS[of, name])
        if field.kind == "[]struct":
            return NotImplemented
        if key in TRANSACTIONAL and name.removeprefix("v3_and_below_") in producer:
            return producer[name.removeprefix("v3_and_below_")]
        known = {
            "member_id": names.member,
            "group_id": names.group,
            "topic_id": names.topic_id,
            "records": names.batch,
        }
        return known.get(name, VALUES.get(name, NotImplemented))

    return _filled(request_class(key), version, value)


def _filled(kind: type[Struct], version: int, value: Callable[[str, str, Field], Any]) -> Any:
    """A message whose fields hold what `value(struct, field, declaration)` says, or, where that is
    NotImplemented, their default; an array has one element.
    """
    fields: dict[str, Any] = {}
    for name, field in kind.__fields__.items():
        if not field.versions[0] <= version <= field.versions[1]:
            continue
        given = value(kind.__name__, name, field)
        if given is not NotImplemented:
            fields[name] = given
        elif field.kind == "struct":
            fields[name] = _filled(field.nested, version, value)
        elif field.kind == "[]struct":
            fields[name] = [_filled(field.nested, version, value)]
    return kind(**fields)
