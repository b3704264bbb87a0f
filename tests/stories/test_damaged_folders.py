"""Somebody's folder after an accident: the node refuses with the file's name and what to do, or
goes on without the part that is lost; it never starts as if nothing were there.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer

import ottla
from ottla.node.logs import Logs
from ottla.node.node import Node

METADATA = "__cluster_metadata-0"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a topic `events`, stopped cleanly."""
    with ottla.Broker(dir=tmp_path) as broker:
        producer = Producer({"bootstrap.servers": broker.bootstrap_servers})
        producer.produce("events", "kept")
        assert producer.flush(10) == 0
    return tmp_path


@pytest.mark.parametrize(
    ("name", "contents", "said"),
    [
        ("meta.properties", "garbage", "meta.properties is damaged"),
        ("meta.properties", "version=1\ncluster.id=x\n", "meta.properties lacks or garbles"),
        ("meta.properties", "version=0\ncluster.id=x\n", "only version 1"),
        (f"{METADATA}/quorum-state", "{", "quorum-state can't be read"),
        (f"{METADATA}/quorum-state", '{"data_version":1}', "quorum-state lacks"),
        ("log-start-offset-checkpoint", "x", "log-start-offset-checkpoint"),
        ("replication-offset-checkpoint", "x", "replication-offset-checkpoint"),
        ("bootstrap.checkpoint", "x", "bootstrap.checkpoint"),
    ],
)
def test_a_damaged_file_is_refused(folder: Path, name: str, contents: str, said: str) -> None:
    """If this failed, a damaged folder would start as an empty cluster, or end in a traceback."""
    path = folder / name
    path.chmod(0o600)
    path.write_text(contents)
    before = sorted(item.name for item in folder.iterdir())
    with pytest.raises(ottla.OttlaError, match=said) as refused, ottla.Broker(dir=folder):
        pass
    assert refused.value.hint
    assert path.read_text() == contents
    gone = set(before) - {item.name for item in folder.iterdir()}
    assert gone <= {".kafka_cleanshutdown"}


def test_a_damaged_recovery_point_costs_a_recovery(folder: Path) -> None:
    """If this failed, a file that only saves time would keep a node from starting, or hide that it
    was dropped.
    """
    (folder / "recovery-point-offset-checkpoint").write_text("garbage")
    (folder / ".kafka_cleanshutdown").unlink()
    lines: list[str] = []
    node = Node(ottla.Broker(dir=folder)._properties, logs=Logs(lines.append))
    node.start()
    consumer = Consumer(
        {
            "bootstrap.servers": f"127.0.0.1:{node.ports['PLAINTEXT']}",
            "group.id": "g",
            "auto.offset.reset": "earliest",
        }
    )
    consumer.subscribe(["events"])
    message = consumer.poll(20)
    assert message is not None
    assert message.value() == b"kept"
    consumer.close()
    node.stop(10_000)
    told = [line for line in lines if "recovery-point-offset-checkpoint" in line]
    assert len(told) == 1
    assert " WARN " in told[0]
    assert (folder / "recovery-point-offset-checkpoint").read_text() != "garbage"


def test_a_damaged_checkpoint_is_moved_away_by_the_command_that_is_told(folder: Path) -> None:
    """If this failed, the way out of the refusal would be none."""
    path = folder / "log-start-offset-checkpoint"
    path.write_text("garbage")
    with pytest.raises(ottla.OttlaError) as refused:
        ottla.Broker(dir=folder).start()
    command = str(refused.value.hint).rpartition(": ")[2]
    assert subprocess.run(command, shell=True).returncode == 0
    assert path.with_name(path.name + ".damaged").read_text() == "garbage"
    with ottla.Broker(dir=folder):
        pass


def test_a_damaged_partition_is_offline_and_stays(folder: Path) -> None:
    """If this failed, one damaged small file would make a partition's records nobody's."""
    (folder / "events-0" / "partition.metadata").write_text("garbage")
    for _ in range(2):
        with ottla.Broker(dir=folder) as broker:
            producer = Producer({"bootstrap.servers": broker.bootstrap_servers})
            producer.produce("others", "served")
            assert producer.flush(10) == 0
    assert (folder / "events-0" / "partition.metadata").read_text() == "garbage"


def test_a_folder_in_use_is_refused(folder: Path) -> None:
    """If this failed, two nodes would write the same files."""
    with ottla.Broker(dir=folder):
        second = ottla.Broker(dir=folder)
        with pytest.raises(ottla.OttlaError, match="is in use") as refused:
            second.start()
    assert refused.value.hint is not None
    assert "stop that node" in refused.value.hint


def test_the_folder_of_another_node_is_refused(folder: Path) -> None:
    """If this failed, a wrong node.id would take over another node's records."""
    other = ottla.Broker(dir=folder, config={"node.id": "7"})
    with pytest.raises(ottla.OttlaError, match="belongs to node 1") as refused:
        other.start()
    assert refused.value.hint
