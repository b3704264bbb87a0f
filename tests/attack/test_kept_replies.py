"""Replies of Metadata that the core gives again, and never once the cluster is another."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

import ottla
from attack.line import Line
from ottla.broker.handlers import metadata
from ottla.wire.messages.create_partitions import CreatePartitionsRequest, CreatePartitionsTopic
from ottla.wire.messages.create_topics import CreatableTopic, CreateTopicsRequest
from ottla.wire.messages.delete_topics import DeleteTopicsRequest
from ottla.wire.messages.metadata import MetadataRequest, MetadataRequestTopic


@pytest.fixture(scope="module")
def broker() -> Iterator[ottla.Broker]:
    """A node."""
    with ottla.Broker() as broker:
        yield broker


def wanted(*topics: str) -> MetadataRequest:
    """What a client asks again and again."""
    return MetadataRequest(
        topics=[MetadataRequestTopic(name=topic) for topic in topics],
        allow_auto_topic_creation=False,
    )


def leaders(line: Line, topic: str) -> list[int]:
    """By partition, as a client sees them."""
    return [row.leader_id for row in line.ask(wanted(topic), 9).topics[0].partitions]


def test_a_change_is_seen_at_once(broker: ottla.Broker) -> None:
    """Clients would look for leaders where they are no more, or miss partitions."""
    with closing(Line(broker.port)) as line, closing(Line(broker.port)) as other:
        for turn in range(20):
            assert leaders(line, "t") == leaders(other, "t") == []
            new = CreatableTopic(name="t", num_partitions=1, replication_factor=1)
            line.ask(CreateTopicsRequest(topics=[new]), 5)
            assert leaders(other, "t") == leaders(line, "t") == [1], turn
            more = CreatePartitionsTopic(name="t", count=3, assignments=None)
            (made,) = line.ask(CreatePartitionsRequest(topics=[more], timeout_ms=5000), 3).results
            assert made.error_code == 0, made
            assert leaders(other, "t") == leaders(line, "t") == [1, 1, 1], turn
            line.ask(DeleteTopicsRequest(topic_names=["t"], timeout_ms=5000), 5)


def test_only_the_first_is_decided(broker: ottla.Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every new client would wait for the thread that decides."""
    asked: list[Any] = []
    handle = metadata._response

    def counted(*given: Any) -> Any:
        asked.append(given)
        return handle(*given)

    monkeypatch.setattr(metadata, "_response", counted)
    with closing(Line(broker.port)) as line:
        whole = line.ask(wanted("x", "y"), 12)
        for _ in range(10):
            with closing(Line(broker.port)) as other:
                assert other.ask(wanted("x", "y"), 12) == whole
        assert len(asked) == 1
        for version in (12, 11):
            line.ask(wanted("y", "x"), version)
        assert len(asked) == 3


def test_a_reply_beside_a_creation_is_not_kept(broker: ottla.Broker) -> None:
    """A topic that could not be made at first would never be tried again."""
    bad = MetadataRequest(topics=[MetadataRequestTopic(name="made")])
    with closing(Line(broker.port)) as line:
        assert line.ask(bad, 9).topics[0].error_code == 0
        line.ask(DeleteTopicsRequest(topic_names=["made"], timeout_ms=5000), 5)
        assert line.ask(bad, 9).topics[0].error_code == 0
        assert leaders(line, "made") == [1]
