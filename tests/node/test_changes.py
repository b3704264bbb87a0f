"""What an operator is told of changes of topics and configs."""

from __future__ import annotations

from typing import Any

import pytest

from ottla.metadata.delta import MetadataDelta
from ottla.metadata.image import (
    BROKER_RESOURCE,
    EMPTY_IMAGE,
    TOPIC_RESOURCE,
    MetadataImage,
)
from ottla.node.changes import changes
from ottla.wire.stored import metadata as m

UID = b"o" * 16
ORDERS = m.TopicRecord(name="orders", topic_id=UID)


def partition(index: int, *replicas: int) -> m.PartitionRecord:
    """A partition of `orders`."""
    ids = list(replicas)
    return m.PartitionRecord(
        topic_id=UID, partition_id=index, replicas=ids, isr=ids, leader=ids[0],
        directories=[b"d" * 16] * len(ids),
    )  # fmt: skip


def config(kind: int, name: str, key: str, value: str | None) -> m.ConfigRecord:
    """A config that is set, or deleted by None."""
    return m.ConfigRecord(resource_type=kind, resource_name=name, name=key, value=value)


THERE: MetadataImage = MetadataDelta.of(
    EMPTY_IMAGE, [ORDERS, partition(0, 1, 2), config(TOPIC_RESOURCE, "orders", "segment.ms", "5")]
).image


@pytest.mark.parametrize(
    ("before", "records", "told"),
    [
        (
            EMPTY_IMAGE,
            [ORDERS, partition(0, 1, 2), partition(1, 2, 1)],
            ["topic orders is created: partitions 2, replication factor 2"],
        ),
        (EMPTY_IMAGE, [ORDERS], ["topic orders is created: partitions 0, replication factor 0"]),
        (THERE, [partition(1, 2, 1)], ["topic orders has 2 partitions, 1 before"]),
        (
            THERE,
            [m.PartitionChangeRecord(topic_id=UID, partition_id=0, leader=2)],
            [],
        ),
        (THERE, [m.RemoveTopicRecord(topic_id=UID)], ["topic orders is deleted"]),
        (
            THERE,
            [
                config(TOPIC_RESOURCE, "orders", "retention.ms", "7"),
                config(TOPIC_RESOURCE, "orders", "segment.ms", None),
            ],
            ["the configs of topic orders changed: retention.ms=7, segment.ms as by default"],
        ),
        (THERE, [config(TOPIC_RESOURCE, "orders", "segment.ms", "5")], []),
        (
            THERE,
            [config(BROKER_RESOURCE, "1", "ssl.key.password", "secret")],
            ["the configs of broker 1 changed: ssl.key.password is set"],
        ),
        (
            THERE,
            [config(BROKER_RESOURCE, "", "log.retention.ms", "7")],
            ["the configs of all brokers changed: log.retention.ms=7"],
        ),
    ],
)
def test_what_changed_is_a_line(before: MetadataImage, records: list[Any], told: list[str]) -> None:
    """If this failed, an operator would miss a change, or read a secret in the log."""
    assert list(changes(MetadataDelta.of(before, records))) == told


def test_a_feature_at_another_level_is_told() -> None:
    """An operator would not see in the log when the cluster began to work otherwise."""
    delta = MetadataDelta.of(
        THERE,
        [
            m.FeatureLevelRecord(name="metadata.version", feature_level=30),
            m.FeatureLevelRecord(name="group.version", feature_level=1),
            m.FeatureLevelRecord(name="share.version", feature_level=0),
        ],
    )
    assert list(changes(delta)) == [
        "group.version is 1 now, 0 before",
        "metadata.version is 30 (4.3-IV0) now, 0 before",
    ]
