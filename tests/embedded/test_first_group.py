"""The first group of a fresh broker, through its port: nothing sends its client away."""

from __future__ import annotations

from pathlib import Path

import pytest

import ottla
from ottla.client.client import Client
from ottla.wire.messages.find_coordinator import FindCoordinatorRequest
from ottla.wire.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
)
from servers import OttlaProcess


def test_the_only_broker_is_named_at_once_and_takes_what_comes() -> None:
    """If this failed, the first close of a consumer would take a second: librdkafka asks again only
    so late for a coordinator, and for one that is not ready.
    """
    with ottla.Broker() as broker, Client(broker.bootstrap_servers) as client:
        find = FindCoordinatorRequest(key="readers", key_type=0)
        rows = [OffsetCommitRequestPartition(partition_index=0, committed_offset=5)]
        commit = OffsetCommitRequest(
            group_id="readers",
            generation_id_or_member_epoch=-1,
            topics=[OffsetCommitRequestTopic(name="orders", partitions=rows)],
        )
        client.metadata(topics=["orders"], create=True)
        found = client.request(find, version=3)
        assert (found.error_code, found.port) == (0, broker.port)
        told = client.request_node(found.node_id, commit, version=8)
        assert told.topics[0].partitions[0].error_code == 0
        assert client.request(find, version=3) == found


def test_a_group_topic_that_cannot_be_made_is_said_so() -> None:
    """If this failed, clients would be named a coordinator that never answers for a group, and
    nobody be told why.
    """
    broker = ottla.Broker(config={"offsets.topic.replication.factor": 3})
    with pytest.warns(UserWarning, match=r"factor is 3, but there is one broker: consumer groups"):
        broker.start()
    with broker, Client(broker.bootstrap_servers) as client:
        found = client.request(FindCoordinatorRequest(key="readers", key_type=0), version=3)
        assert (found.error_code, found.node_id) == (15, -1)


def test_a_server_s_log_says_once_why_a_group_topic_cannot_be_made(tmp_path: Path) -> None:
    """If this failed, the log would say nothing of it, or a line for each look for a coordinator:
    the default factor is three.
    """
    server = OttlaProcess(tmp_path / "data", {"offsets.topic.replication.factor": "3"})
    server.start()
    try:
        with Client(server.bootstrap) as client:
            for _ in range(3):
                find = FindCoordinatorRequest(key="readers", key_type=0)
                assert client.request(find, version=3).error_code == 15
    finally:
        server.stop()
    said = [line for line in server.log.read_text().splitlines() if "can't be made" in line]
    assert len(said) == 1
    assert "WARN" in said[0]
    assert "INVALID_REPLICATION_FACTOR; see to offsets.topic.replication.factor=3" in said[0]
