"""Whatever is raised after a decision began to be applied ends the node; what is raised before ends
one connection.

A node that went on would hold in memory what its log lacks: it would say of a topic that it
exists already, and never list it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ottla
from attack.line import Closed, Line
from ottla.broker.handlers import find_coordinator, init_producer_id, metadata
from ottla.controller.controller import Controller
from ottla.node.cluster import Cluster
from ottla.node.metadata_files import MetadataFiles, MetadataFilesError
from ottla.node.quorum import MetadataQuorum
from ottla.raft.metadata_log import DiskUnwilling
from ottla.wire.messages.create_topics import (
    CreatableTopic,
    CreatableTopicConfig,
    CreateTopicsRequest,
)
from ottla.wire.messages.find_coordinator import FindCoordinatorRequest
from ottla.wire.messages.init_producer_id import InitProducerIdRequest
from ottla.wire.messages.metadata import MetadataRequest, MetadataRequestTopic


def create(broker: ottla.Broker, name: str, **config: str) -> int | None:
    """The error code for a new topic; None if the connection was closed instead."""
    configs = [CreatableTopicConfig(name=key, value=value) for key, value in config.items()]
    topic = CreatableTopic(name=name, num_partitions=1, replication_factor=1, configs=configs)
    try:
        answer = Line(broker.port).ask(CreateTopicsRequest(topics=[topic]), 7)
    except Closed:
        return None
    code: int = answer.topics[0].error_code
    return code


def topics(broker: ottla.Broker) -> set[str | None]:
    """The topics that Metadata lists."""
    answer = Line(broker.port).ask(MetadataRequest(topics=None), 12)
    return {topic.name for topic in answer.topics}


def fails_once(call: Callable[..., Any], problem: Exception) -> Callable[..., Any]:
    """The call, which raises the first time."""
    left = [problem]

    def instead(*args: Any, **kwargs: Any) -> Any:
        if left:
            raise left.pop()
        return call(*args, **kwargs)

    return instead


@pytest.mark.parametrize(
    ("owner", "name", "problem"),
    [
        (Controller, "apply", ValueError("a record that contradicts")),
        (MetadataQuorum, "append", RuntimeError("no batch")),
        (MetadataFiles, "append", MetadataFilesError("no space")),
        (MetadataFiles, "append", OSError(5, "input/output error")),
        (MetadataFiles, "flush", MetadataFilesError("no sync")),
        (Cluster, "answer", KeyError(3)),
    ],
)
def test_a_fault_while_a_decision_is_applied_ends_the_node(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, problem: Exception
) -> None:
    """If this failed, memory and metadata log would part: "already exists" for what nobody sees."""
    broker = ottla.Broker(dir=tmp_path).start()
    assert create(broker, "before") == 0
    node = broker._node
    assert node is not None
    monkeypatch.setattr(owner, name, fails_once(getattr(owner, name), problem))
    assert create(broker, "half") is None
    assert node.wait(10), "the node goes on with half a decision"
    with pytest.raises(ottla.OttlaError, match="broke and serves no more"):
        assert broker.port
    broker.start()
    # Nobody was told of it, so it may be there or not; but both answers have to agree.
    there = "half" in topics(broker)
    assert create(broker, "half") == (36 if there else 0)
    assert topics(broker) == {"before", "half"}
    broker.close()


@pytest.mark.parametrize(
    ("where", "name"),
    [
        ("ottla.controller.controller._DECIDERS", CreateTopicsRequest),
        ("ottla.node.cluster", "encode_records"),
    ],
)
def test_a_fault_before_anything_was_applied_ends_one_connection(
    monkeypatch: pytest.MonkeyPatch, where: str, name: Any
) -> None:
    """If this failed, one request that trips over a bug would take the whole node down."""
    import importlib

    with ottla.Broker() as broker:
        module, _, table = where.rpartition(".")
        if table.startswith("_"):
            rows = getattr(importlib.import_module(module), table)
            monkeypatch.setitem(rows, name, fails_once(rows[name], IndexError(9)))
        else:
            call = getattr(importlib.import_module(where), name)
            monkeypatch.setattr(f"{where}.{name}", fails_once(call, ValueError("no form")))
        assert create(broker, "first") is None
        assert create(broker, "second") == 0
        assert create(broker, "first") == 0, "something of the failed request was kept"
        broker.advance(60)
        assert topics(broker) == {"first", "second"}


@pytest.mark.parametrize(
    ("handler", "name", "request_", "version"),
    [
        (
            metadata,
            "_response",
            MetadataRequest(
                topics=[MetadataRequestTopic(name="auto")], allow_auto_topic_creation=True
            ),
            12,
        ),
        (find_coordinator, "_response", FindCoordinatorRequest(key="g"), 3),
        (
            init_producer_id,
            "InitProducerIdResponse",
            InitProducerIdRequest(transactional_id=None, transaction_timeout_ms=0),
            4,
        ),
    ],
)
def test_a_fault_after_the_controller_has_answered_ends_one_connection(
    monkeypatch: pytest.MonkeyPatch, handler: Any, name: str, request_: Any, version: int
) -> None:
    """If this failed, a bug in how one answer is made would take the whole node down, though what
    was decided for it is on disk; or whoever waits for it would wait for ever.
    """
    with ottla.Broker() as broker:
        node = broker._node
        assert node is not None
        broken = fails_once(getattr(handler, name), LookupError("a continuation of our own"))
        monkeypatch.setattr(handler, name, broken)
        with pytest.raises(Closed):
            Line(broker.port).ask(request_, version)
        answer = Line(broker.port).ask(request_, version)
        assert getattr(answer, "error_code", 0) == 0
        assert node.failure is None
        assert create(broker, "auto") == (36 if handler is metadata else 0)


def test_a_fault_while_the_clock_moves_ends_the_node() -> None:
    """If this failed, a decision that a test's own clock set off could be applied by halves, and
    only the test would hear of it.
    """
    with ottla.Broker() as broker:
        node = broker._node
        assert node is not None
        engine = node._engine
        assert engine is not None
        alarms = engine.alarms

        def broken(_due_ms: int) -> None:
            raise LookupError("half way")

        engine.turner.call(lambda: alarms.set_timer("broken", alarms.steady_ms() + 1000, broken))
        with pytest.raises(LookupError):
            broker.advance(3600)
        assert node.wait(10), "the node goes on"


def test_a_snapshot_that_can_not_be_written_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """If this failed, one moment without descriptors would end a node whose log has all that the
    snapshot would hold.
    """
    monkeypatch.setattr(
        MetadataFiles,
        "write_snapshot",
        fails_once(MetadataFiles.write_snapshot, DiskUnwilling("Too many open files")),
    )
    config = {"metadata.log.max.record.bytes.between.snapshots": 1000}
    with ottla.Broker(config=config) as broker:
        names = [f"topic-{number}" for number in range(40)]
        assert [create(broker, name) for name in names] == [0] * len(names)
        assert topics(broker) >= set(names)
