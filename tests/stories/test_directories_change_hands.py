"""Log dirs under either server: partitions that were moved, and one that was on its way when the
server was stopped, go on under the other one.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition

from conformance.cases_log_dirs import RATE, Dirs, configure, create, eventually
from conformance.talk import Talk
from oracle import Oracle
from servers import OttlaProcess

Node = OttlaProcess | Oracle
SLOW = "1000000"


def write(node: Node, topic: str, values: list[str]) -> None:
    """Records of half a megabyte, each in a batch of its own."""
    producer = Producer({"bootstrap.servers": node.bootstrap, "linger.ms": 0, "log_level": 0})
    for value in values:
        producer.produce(topic, value.encode() + b" " * 500_000, partition=0)
        assert producer.flush(20) == 0


def read(node: Node, topic: str, count: int) -> list[str]:
    """The first so many records of partition 0, in their order."""
    consumer = Consumer({"bootstrap.servers": node.bootstrap, "group.id": "reader", "log_level": 0})
    consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
    found: list[str] = []
    while len(found) < count:
        for message in consumer.consume(count - len(found), 5):
            assert message.error() is None
            found.append((message.value() or b"").decode().strip())
    consumer.close()
    return found


def begin_and_stop(node: Node, topic: str, place: int) -> None:
    """Let the partition be on its way there when the node is stopped."""
    talk = Talk(node.port, topic)
    dirs = Dirs(talk)
    configure(talk, RATE, SLOW)
    dirs.move(place, topic, 0)
    eventually(lambda: (place, True) in dirs.places(topic)["0"])
    talk.hang_up()
    node.stop()


def is_there_after_all(node: Node, topic: str, place: int, written: list[str]) -> None:
    """The move goes on and ends, and nothing is lost."""
    talk = Talk(node.port, topic)
    dirs = Dirs(talk)
    assert (place, True) in dirs.places(topic)["0"], "it goes on"
    assert read(node, topic, len(written)) == written
    configure(talk, RATE, None)
    eventually(lambda: dirs.places(topic)["0"] == [(place, False)])
    talk.hang_up()
    assert read(node, topic, len(written)) == written


@pytest.mark.jvm
def test_moves_go_on_under_the_other_server(tmp_path: Path) -> None:
    """If this failed, whoever changes servers in the middle of a move would lose the move, or what
    was moved.
    """
    folder = tmp_path / "data"
    names = [folder, tmp_path / "data-2", tmp_path / "data-3"]
    config = {"log.dirs": ",".join(map(str, names)), "metadata.log.dir": str(folder)}
    ours = OttlaProcess(folder, config, quorum="dynamic")
    ours.start()
    talk = Talk(ours.port, "first")
    dirs = Dirs(talk)
    for topic in ("moved", "moving"):
        create(talk, topic)
        eventually(lambda topic=topic: dirs.places(topic))
        dirs.move(0, topic, 0)
        eventually(lambda topic=topic: dirs.places(topic)["0"] == [(0, False)])
    talk.hang_up()
    written = [str(number) for number in range(8)]
    for topic in ("moved", "moving"):
        write(ours, topic, written)
    begin_and_stop(ours, "moving", 1)
    ports = ours.port, ours.controller_port
    theirs = Oracle(tmp_path / "kafka", config, log_dir=folder, quorum="dynamic", ports=ports)
    theirs.start()
    try:
        is_there_after_all(theirs, "moving", 1, written)
        assert read(theirs, "moved", len(written)) == written
        write(theirs, "moving", ["theirs"])
        written.append("theirs")
        begin_and_stop(theirs, "moving", 2)
    finally:
        theirs.stop()
    ours.start()
    try:
        is_there_after_all(ours, "moving", 2, written)
        write(ours, "moving", ["ours"])
        assert read(ours, "moving", len(written) + 1)[-1] == "ours"
    finally:
        ours.stop()
    assert not [path for name in names for path in name.glob("*-future")]
