"""Metadata's rows are kept, and never longer than what they show."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

import ottla
from attack.line import Line
from ottla.wire.messages.create_partitions import CreatePartitionsRequest, CreatePartitionsTopic
from ottla.wire.messages.create_topics import CreatableTopic, CreateTopicsRequest
from ottla.wire.messages.delete_topics import DeleteTopicsRequest
from ottla.wire.messages.metadata import MetadataRequest, MetadataRequestTopic


@pytest.fixture(scope="module")
def broker() -> Iterator[ottla.Broker]:
    """A node."""
    with ottla.Broker() as broker:
        yield broker


def rows(line: Line, topic: str) -> list[Any]:
    """The topic's rows, as a client sees them."""
    wanted = MetadataRequestTopic(name=topic)
    request = MetadataRequest(topics=[wanted], allow_auto_topic_creation=False)
    return list(line.ask(request, 9).topics[0].partitions)


def test_a_change_is_seen_at_once(broker: ottla.Broker) -> None:
    """If this failed, clients would look for leaders where they are no more, or miss partitions."""
    context = broker._running()._engine.context
    with closing(Line(broker.port)) as line:
        new = CreatableTopic(name="t", num_partitions=1, replication_factor=1)
        line.ask(CreateTopicsRequest(topics=[new]), 5)
        assert [row.leader_id for row in rows(line, "t")] == [1]
        assert context.metadata_rows.of(context, context.image.topics.by_name["t"]) is (
            context.metadata_rows.of(context, context.image.topics.by_name["t"])
        )
        more = CreatePartitionsTopic(name="t", count=3, assignments=None)
        (made,) = line.ask(CreatePartitionsRequest(topics=[more], timeout_ms=5000), 3).results
        assert made.error_code == 0, made
        assert len(rows(line, "t")) == 3
        context.offline.add(("t", 1))
        assert [row.leader_id for row in rows(line, "t")] == [1, -1, 1]
        context.offline.clear()
        assert [row.leader_id for row in rows(line, "t")] == [1, 1, 1]
        line.ask(DeleteTopicsRequest(topic_names=["t"], timeout_ms=5000), 5)
        assert rows(line, "t") == []
