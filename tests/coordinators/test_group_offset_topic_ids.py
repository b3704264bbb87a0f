"""Committed offsets say which topic they are of, as a real node stores and serves them."""

from __future__ import annotations

from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

import ottla
from ottla.client.client import Client
from ottla.wire.messages.find_coordinator import FindCoordinatorRequest
from ottla.wire.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
)
from ottla.wire.stored.frame import CONSUMER_OFFSETS
from servers import eventually


def commit(client: Client, group: str, version: int, **topic: object) -> list[tuple[int, int]]:
    """Commit to partition 0 and to one that is not there; what was answered of each."""
    find = FindCoordinatorRequest(key=group, key_type=0)
    rows = [OffsetCommitRequestPartition(partition_index=at, committed_offset=5) for at in (0, 7)]
    request = OffsetCommitRequest(
        group_id=group,
        generation_id_or_member_epoch=-1,
        retention_time_ms=1_000_000 if version == 4 else -1,
        topics=[OffsetCommitRequestTopic(**topic, partitions=rows)],
    )
    node = client.request(find, version=3).node_id
    (answer,) = client.request_node(node, request, version=version).topics
    return [(one.partition_index, one.error_code) for one in answer.partitions]


def stored(bootstrap: str, count: int) -> dict[bytes, bytes]:
    """The values of the first records of `__consumer_offsets`, by their keys."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "unused", "log_level": 0})
    consumer.assign([TopicPartition(CONSUMER_OFFSETS, 0, OFFSET_BEGINNING)])
    found: dict[bytes, bytes] = {}
    try:
        while len(found) < count:
            message = eventually(lambda: consumer.poll(0.5), "a record")
            assert message.error() is None
            found[message.key()] = message.value()
    finally:
        consumer.close()
    return found


def test_a_commit_by_name_stores_the_topic_s_id() -> None:
    """If this failed, an offset would be taken for one of a later topic of the same name, here and
    by an Apache Kafka that reads our log, which writes the id for every commit.
    """
    config = {"offsets.topic.num.partitions": 1}
    with ottla.Broker(config=config) as broker, Client(broker.bootstrap_servers) as client:
        client.metadata(topics=["orders"], create=True)
        (topic,) = client.metadata(topics=["orders"]).topics
        answered = [(7, 3), (0, 0)]
        assert commit(client, "named", 8, name="orders") == answered
        assert commit(client, "known", 10, topic_id=topic.topic_id) == answered
        assert commit(client, "ended", 4, name="orders") == answered
        records = stored(broker.bootstrap_servers, 3)
    told = {key[4:9]: (value[:2], value) for key, value in records.items()}
    for group in (b"named", b"known"):
        version, value = told[group]
        # As 4.3.1: tag 0 of version 4, the last of the record.
        assert (version, value[-19:]) == (b"\0\4", b"\1\0\x10" + topic.topic_id)
    assert told[b"ended"][0] == b"\0\1"
