"""What a start says of many partitions: a line a cause, with a count and the first names."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import ottla
from attack.line import Line
from ottla.node.logs import Logs
from ottla.node.node import Node
from ottla.wire.messages.create_topics import CreatableTopic, CreateTopicsRequest
from ottla.wire.messages.metadata import MetadataRequest

PARTITIONS = 9


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a node that ran with a topic `orders`."""
    with ottla.Broker(dir=tmp_path) as broker:
        topic = CreatableTopic(name="orders", num_partitions=PARTITIONS, replication_factor=1)
        Line(broker.port).ask(CreateTopicsRequest(topics=[topic]), 7)
    return tmp_path


def lines_of_a_start(folder: Path) -> list[str]:
    """What a start on this folder says of the partitions, above INFO."""
    lines: list[str] = []
    broker = ottla.Broker(dir=folder)
    node = Node(broker._properties, logs=Logs(lines.append, level="WARN"))
    node.start()
    answer = Line(node.ports["PLAINTEXT"]).ask(MetadataRequest(topics=None), 12)
    assert [len(topic.partitions) for topic in answer.topics] == [PARTITIONS]
    node.stop(10_000)
    return [line for line in lines if "orders" in line]


def test_folders_that_are_gone_are_told_once(folder: Path) -> None:
    """If this failed, records that went with a folder would be missed by nobody, or by a flood."""
    assert lines_of_a_start(folder) == []
    for index in range(5):
        shutil.rmtree(folder / f"orders-{index}")
    (line,) = lines_of_a_start(folder)
    assert " WARN 5 partitions (orders-0, orders-1, orders-2 and 2 more) had no folder" in line
    assert str(folder) in line
    assert lines_of_a_start(folder) == []
    shutil.rmtree(folder / "orders-7")
    (line,) = lines_of_a_start(folder)
    assert " WARN orders-7 had no folder in " in line


def test_partitions_offline_for_one_cause_are_one_line(folder: Path) -> None:
    """If this failed, a log directory with a fault would fill the log at every start."""
    for index in range(6):
        (folder / f"orders-{index}" / "partition.metadata").write_text("garbage")
    shutil.rmtree(folder / "orders-8")
    (folder / "orders-8").write_text("no folder")
    first, second = lines_of_a_start(folder)
    assert " ERROR 6 partitions (orders-0, orders-1, orders-2 and 3 more) can't be opened" in first
    assert "orders-0/partition.metadata" in first
    assert " ERROR orders-8 can't be opened" in second
