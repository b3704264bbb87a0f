"""Offsets that are committed in transactions, against a running node: what a coordinator of
transactions is not needed for, since the node is told not to ask one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import ottla
from attack.line import Line
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.offset_fetch import (
    OffsetFetchRequest,
    OffsetFetchRequestGroup,
    OffsetFetchRequestTopics,
)
from ottla.wire.messages.txn_offset_commit import (
    TxnOffsetCommitRequest,
    TxnOffsetCommitRequestPartition,
    TxnOffsetCommitRequestTopic,
)
from transacting import Transacting

CONFIG = {
    "offsets.topic.num.partitions": "1",
    "transaction.partition.verification.enable": "false",
}
UNASKED_VERSION = 4
"""Up to this version clients have entered the partition into the transaction themselves."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


@contextmanager
def node(folder: Path, *, is_again: bool = False) -> Iterator[Line]:
    """A line to a node whose groups are here, with a topic of two partitions."""
    with ottla.Broker(dir=folder, config=CONFIG) as broker:
        node = Transacting(broker.port)
        node.ready("g", 0)
        if not is_again:
            node.create("t", 2)
        yield node.line
        node.close()


@pytest.fixture
def line(folder: Path) -> Iterator[Line]:
    with node(folder) as line:
        yield line


def committed(line: Line, offsets: dict[int, int], version: int = 4, **fields: Any) -> list[Any]:
    """What is said of each partition of `t`."""
    partitions = [
        TxnOffsetCommitRequestPartition(partition_index=index, committed_offset=offset)
        for index, offset in offsets.items()
    ]
    fields = {
        "transactional_id": "x",
        "group_id": "g",
        "producer_id": 7,
        "producer_epoch": 0,
    } | fields
    topic = TxnOffsetCommitRequestTopic(name=fields.pop("topic", "t"), partitions=partitions)
    answer = line.ask(TxnOffsetCommitRequest(topics=[topic], **fields), version)
    return [ErrorCode(row.error_code) for one in answer.topics for row in one.partitions]


def fetched(line: Line) -> list[ErrorCode]:
    topic = OffsetFetchRequestTopics(name="t", partition_indexes=[0, 1])
    group = OffsetFetchRequestGroup(group_id="g", topics=[topic])
    answer = line.ask(OffsetFetchRequest(groups=[group], require_stable=True), 9)
    return [ErrorCode(row.error_code) for row in answer.groups[0].topics[0].partitions]


def test_offsets_of_an_open_transaction_outlive_the_node(folder: Path) -> None:
    """A restart would lose what a transaction is about to commit, or count it before it does."""
    wanted = [ErrorCode.UNSTABLE_OFFSET_COMMIT, ErrorCode.NONE]
    with node(folder) as line:
        for version in range(UNASKED_VERSION + 1):
            assert committed(line, {0: version}, version, producer_epoch=3) == [ErrorCode.NONE]
        assert fetched(line) == wanted
    with node(folder, is_again=True) as line:
        assert fetched(line) == wanted
        assert committed(line, {1: 1}, producer_epoch=2) == [ErrorCode.INVALID_PRODUCER_EPOCH]
        assert committed(line, {1: 1}, producer_epoch=3) == [ErrorCode.NONE]
        assert fetched(line) == [ErrorCode.UNSTABLE_OFFSET_COMMIT] * 2


def test_bad_commits_are_refused_one_by_one(line: Line) -> None:
    """A commit of a fenced producer, or of a dead generation, would count or cost the shard, and
    with it everybody else's group.
    """
    none, unknown = ErrorCode.NONE, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    assert committed(line, {2: 1, 0: 1, -1: 1}, producer_epoch=5) == [unknown, unknown, none]
    assert committed(line, {0: 1}, topic="nowhere") == [unknown]
    assert committed(line, {}) == []
    assert committed(line, {0: 2}, producer_epoch=4) == [ErrorCode.INVALID_PRODUCER_EPOCH]
    assert committed(line, {0: 2}, producer_epoch=-1) == [ErrorCode.INVALID_PRODUCER_EPOCH]
    assert committed(line, {0: 2}, producer_id=-1) == [ErrorCode.INVALID_PRODUCER_ID_MAPPING]
    assert committed(line, {0: 2}, producer_id=8, producer_epoch=-1) == [
        ErrorCode.INVALID_PRODUCER_EPOCH
    ]
    assert committed(line, {0: 2}, group_id="") == [ErrorCode.INVALID_GROUP_ID]
    assert committed(line, {0: 2}, group_id="h", producer_epoch=5, generation_id=1) == [
        ErrorCode.ILLEGAL_GENERATION
    ]
    assert committed(line, {0: 2}, producer_epoch=5, generation_id=1, member_id="m") == [
        ErrorCode.UNKNOWN_MEMBER_ID
    ]
    assert committed(line, {1: 2}, producer_epoch=5) == [none], "the shard is as it was"
