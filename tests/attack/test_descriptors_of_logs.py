"""More partitions are in use than a process may have files open: the logs that rest longest give up
their files, and nobody is told that there was a lack.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from attack.limited import Limited
from attack.partition_client import FETCH_BY_NAME, PRODUCE_BY_NAME, PartitionClient
from attack.test_descriptors import client
from ottla.wire.messages import fetch, produce
from ottla.wire.records import Record, build_batch

LIMIT = 256
"""What macOS gives a process where nobody says otherwise."""
PARTITIONS = 400
ROUNDS = 3
TOPIC = "many"
VALUE = b"v" * 5000
"""Larger than `index.interval.bytes`: then every log has index entries that wait in memory."""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="counts in /proc")


def produce_to_all(asked: PartitionClient) -> set[int]:
    """One record to each partition, all in one request: the codes that came back."""
    batch = build_batch([Record(None, VALUE, timestamp_ms=1)], base_offset=0, leader_epoch=0)
    rows = [produce.PartitionProduceData(index=n, records=batch) for n in range(PARTITIONS)]
    topic = produce.TopicProduceData(name=TOPIC, partition_data=rows)
    request = produce.ProduceRequest(acks=-1, timeout_ms=30_000, topic_data=[topic])
    answer = asked.ask(request, PRODUCE_BY_NAME)
    return {row.error_code for row in answer.responses[0].partition_responses}


def fetch_all(asked: PartitionClient) -> dict[int, int]:
    """All that lies in all partitions: how many have each high watermark. Any code is an error."""
    rows = [fetch.FetchPartition(partition=n, partition_max_bytes=1) for n in range(PARTITIONS)]
    topic = fetch.FetchTopic(topic=TOPIC, partitions=rows)
    request = fetch.FetchRequest(max_wait_ms=0, min_bytes=0, max_bytes=1 << 30, topics=[topic])
    counts: dict[int, int] = {}
    for row in asked.ask(request, FETCH_BY_NAME).responses[0].partitions:
        assert row.error_code == 0, row.partition_index
        counts[row.high_watermark] = counts.get(row.high_watermark, 0) + 1
    return counts


def open_in(node: Limited) -> int:
    """How many descriptors that process has open."""
    return int(node.do("len(__import__('os').listdir('/proc/self/fd'))"))


def offline_in(node: Limited) -> str:
    """The partitions that the node shows offline."""
    return node.do("sorted(node._engine.context.offline)")


def checkpoint(node: Limited) -> None:
    """A pass of the housekeeping."""
    for name in ("roll", "checkpoint"):
        assert node.do(f"core.begin({name!r})") == "None"
        assert node.do("core.settle(timeout_ms=30_000)") == "True"


def test_more_partitions_than_descriptors(tmp_path: Path) -> None:
    """If this failed, a node whose partitions outnumber what its process may open would be locked
    out of its own files: no append, no read, no checkpoint, until partitions rest for minutes.
    """
    with Limited(tmp_path, LIMIT) as node, client(node.port) as asked:
        assert asked.create(TOPIC, partitions=PARTITIONS) == [0]
        for done in range(1, ROUNDS + 1):
            assert produce_to_all(asked) == {0}
            one_by_one = {asked.produce(TOPIC, VALUE, index) for index in range(PARTITIONS)}
            assert one_by_one == {0}
            assert fetch_all(asked) == {2 * done: PARTITIONS}
            checkpoint(node)
            assert node.do("core.settle(timeout_ms=30_000)") == "True"
            assert open_in(node) < LIMIT * 3 // 4, "connections have room too"
        assert offline_in(node) == "[]"
        assert node.end() == 0
    with Limited(tmp_path, LIMIT) as node, client(node.port) as asked:
        assert fetch_all(asked) == {2 * ROUNDS: PARTITIONS}
        assert node.end() == 0


def test_others_take_all_descriptors(tmp_path: Path) -> None:
    """If this failed, a process that leaves its node no descriptor would end the partitions that
    are used then, though the node has files of its own to close for them.
    """
    with Limited(tmp_path, LIMIT) as node, client(node.port) as asked:
        assert asked.create(TOPIC, partitions=PARTITIONS) == [0]
        assert {asked.produce(TOPIC, VALUE, index) for index in range(32)} == {0}
        assert int(node.do("hoard()")) > 0
        codes = {asked.produce(TOPIC, VALUE, index) for index in range(PARTITIONS)}
        assert codes == {0}, "32 files can be opened by turns"
        assert {asked.fetch(TOPIC, index).error_code for index in range(PARTITIONS)} == {0}
        checkpoint(node)
        assert offline_in(node) == "[]"
        assert node.do("release()") == "None"
        assert produce_to_all(asked) == {0}
        assert node.end() == 0
