"""Partitions that move between log dirs, from outside: while they are written and read, through
stops, kills and disks that fail or are full.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from confluent_kafka import Consumer

import ottla
from attack.faults import HELD, Fault, core_of, disk_faults
from attack.partition_client import PartitionClient, client_of
from attack.test_log_dirs import lying_in, values
from ottla.metadata.image import BROKER_RESOURCE
from ottla.wire.errors import ErrorCode
from ottla.wire.messages import alter_replica_log_dirs, describe_log_dirs
from ottla.wire.messages import incremental_alter_configs as altering
from ottla.wire.records import read_batches
from producing import end, producer_of, transact, write
from servers import eventually

STORAGE = ErrorCode.KAFKA_STORAGE_ERROR
RATE = "replica.alter.log.dirs.io.max.bytes.per.second"
DIRS = ("a", "b", "c")


@pytest.fixture
def config(tmp_path: Path) -> dict[str, str]:
    """Three log dirs; the metadata log has one of its own."""
    return {
        "log.dirs": ",".join(str(tmp_path / name) for name in ("meta", *DIRS)),
        "metadata.log.dir": str(tmp_path / "meta"),
        "cordoned.log.dirs": str(tmp_path / "meta"),
        "broker.heartbeat.interval.ms": "100",
    }


def move(client: PartitionClient, folder: Path, topic: str, partition: int = 0) -> int:
    """AlterReplicaLogDirs: its error code."""
    of_topic = alter_replica_log_dirs.AlterReplicaLogDirTopic(name=topic, partitions=[partition])
    one = alter_replica_log_dirs.AlterReplicaLogDir(path=str(folder), topics=[of_topic])
    answer = client.ask(alter_replica_log_dirs.AlterReplicaLogDirsRequest(dirs=[one]))
    code: int = answer.results[0].partitions[0].error_code
    return code


def places(client: PartitionClient, topic: str) -> list[tuple[str, bool]]:
    """The dirs that hold partition 0, and whether it only moves there."""
    answer = client.ask(describe_log_dirs.DescribeLogDirsRequest(topics=None))
    return sorted(
        (os.path.basename(row.log_dir), partition.is_future_key)
        for row in answer.results
        for of_topic in row.topics
        for partition in of_topic.partitions
        if of_topic.name == topic and partition.partition_index == 0
    )


def is_in(client: PartitionClient, topic: str, name: str) -> None:
    """Wait until partition 0 is there and nowhere else."""
    eventually(lambda: places(client, topic) == [(name, False)], f"{topic}-0 is in {name}")


def limit(client: PartitionClient, rate: str | None) -> None:
    """How fast partitions move."""
    one = altering.AlterableConfig(name=RATE, config_operation=0 if rate else 1, value=rate)
    resource = altering.AlterConfigsResource(
        resource_type=BROKER_RESOURCE, resource_name="1", configs=[one]
    )
    answer = client.ask(altering.IncrementalAlterConfigsRequest(resources=[resource]))
    assert answer.responses[0].error_code == 0


def filled(client: PartitionClient, folder: Path, count: int = 40) -> list[bytes]:
    """A topic whose partition lies in `a`, with more than a piece in it."""
    assert client.create("t") == [0]
    assert move(client, folder / "a", "t") == 0
    is_in(client, "t", "a")
    written = [b"%05d" % number + b"x" * 50_000 for number in range(count)]
    assert {client.produce("t", value) for value in written} == {0}
    return written


def everything(client: PartitionClient) -> list[bytes]:
    """The first bytes of every record of partition 0, from all its batches."""
    found: list[bytes] = []
    while True:
        read = client.fetch("t", offset=len(found))
        assert read.error_code == 0
        if not read.records:
            return found
        for batch in read_batches(read.records):
            found += [(record.value or b"")[:5] for record in batch.records]


def futures(folder: Path) -> list[str]:
    """Folders of moves."""
    return [name for dir in DIRS for name in os.listdir(folder / dir) if name.endswith("-future")]


def recorded(broker: ottla.Broker, topic: str = "t") -> str:
    """The dir that the metadata log names for partition 0."""
    node: Any = broker._running()
    place = node._engine._place
    partition = node._engine.context.image.topics.by_name[topic].partitions[0]
    ids = place.identity.directory_ids
    return os.path.basename(place.log_dirs[ids.index(partition.directories[0])])


def test_nobody_notices_a_move(tmp_path: Path, config: dict[str, str]) -> None:
    """If this failed, a move would cost a producer or a consumer records, or give them twice."""
    with ottla.Broker(dir=tmp_path, config=config) as broker, client_of(broker) as client:
        first = [value[:5] for value in filled(client, tmp_path)]
        done, written, refused = Event(), list(first), []

        def produce() -> None:
            with client_of(broker) as own:
                while not done.is_set():
                    value = b"%05d" % len(written)
                    code = own.produce("t", value)
                    if code:
                        refused.append(code)
                    else:
                        written.append(value)

        producer = Thread(target=produce)
        producer.start()
        for name in ("b", "c", "a", "b"):
            before = len(written)
            assert move(client, tmp_path / name, "t") == 0
            is_in(client, "t", name)
            assert recorded(broker) == name
            eventually(lambda before=before: len(written) > before + 5, "it is written on")
        done.set()
        producer.join()
        assert not refused
        assert everything(client) == written
        assert futures(tmp_path) == []
        assert [name for name in DIRS if "t-0" in lying_in(tmp_path / name)] == ["b"]
    with ottla.Broker(dir=tmp_path, config=config) as broker, client_of(broker) as client:
        assert everything(client) == written


def test_transactions_go_on_across_moves(tmp_path: Path, config: dict[str, str]) -> None:
    """If this failed, a producer would be fenced or refused for a move, or an aborted record be
    seen as one that counts.
    """
    with ottla.Broker(dir=tmp_path, config=config) as broker, client_of(broker) as client:
        filled(client, tmp_path, 3)
        producer = producer_of(broker.bootstrap_servers, "mover")
        transact(producer, "t", "kept", "kept too")
        transact(producer, "t", "dropped", commit=False)
        producer.begin_transaction()
        write(producer, "t", "open")
        assert move(client, tmp_path / "b", "t") == 0
        is_in(client, "t", "b")
        write(producer, "t", "open still")
        end(producer, commit=True)
        transact(producer, "t", "dropped", commit=False)
        assert move(client, tmp_path / "c", "t") == 0
        is_in(client, "t", "c")
        transact(producer, "t", "last")
    with ottla.Broker(dir=tmp_path, config=config) as broker:
        consumer = Consumer(
            {
                "bootstrap.servers": broker.bootstrap_servers,
                "group.id": "reader",
                "auto.offset.reset": "earliest",
                "isolation.level": "read_committed",
                "log_level": 0,
            }
        )
        consumer.subscribe(["t"])
        found: list[str] = []
        while "last" not in found:
            for message in consumer.consume(100, 1):
                assert message.error() is None
                found.append((message.value() or b"").decode()[:10])
        consumer.close()
    assert found[3:] == ["kept", "kept too", "open", "open still", "last"]


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_a_move_goes_on_after_a_start(tmp_path: Path, config: dict[str, str], how: str) -> None:
    """If this failed, a restart would end a move half way, and its folder would fill a disk."""
    broker = ottla.Broker(dir=tmp_path, config=config).start()
    with client_of(broker) as client:
        written = [value[:5] for value in filled(client, tmp_path)]
        limit(client, "1000000")
        assert move(client, tmp_path / "b", "t") == 0
        eventually(lambda: len(futures(tmp_path)) == 1, "it has begun")
        assert places(client, "t") == [("a", False), ("b", True)]
    (broker.close if how == "stop" else broker.kill)()
    assert (tmp_path / "a" / ".kafka_cleanshutdown").exists() == (how == "stop")
    assert len(futures(tmp_path)) == 1
    with ottla.Broker(dir=tmp_path, config=config) as broker, client_of(broker) as client:
        assert everything(client) == written
        limit(client, None)
        is_in(client, "t", "b")
        assert everything(client) == written
        assert recorded(broker) == "b"
        assert futures(tmp_path) == []


def test_a_full_disk_gives_the_move_up(tmp_path: Path, config: dict[str, str]) -> None:
    """If this failed, a partition could be lost to the disk that was to take it, or nobody be told
    why it is not there.
    """
    with ottla.Broker(dir=tmp_path, config=config) as broker, client_of(broker) as client:
        written = [value[:5] for value in filled(client, tmp_path)]
        with disk_faults(broker, Fault("write", "b/t-0.*-future/*.log", "ENOSPC")) as fired:
            assert move(client, tmp_path / "b", "t") == 0
            eventually(lambda: fired()[0] > 0 and not futures(tmp_path), "it is given up")
            is_in(client, "t", "a")
        assert everything(client) == written
        line = next(line for line in broker.log if "was given up" in str(line))
        assert "t-0" in str(line)
        assert "No space left" in str(line)
        assert move(client, tmp_path / "b", "t") == 0
        is_in(client, "t", "b")
        assert everything(client) == written


def fails(broker: ottla.Broker, name: str, until: Callable[[], bool]) -> None:
    """A sync in this dir fails."""
    with disk_faults(broker, Fault("sync", f"/{name}/t-0/*.log", "EIO")):
        core_of(broker).flush()
        eventually(until, f"{name} failed")


def test_a_dir_that_fails_is_left_and_comes_back(tmp_path: Path, config: dict[str, str]) -> None:
    """If this failed, one bad disk of three would take the others' partitions along, the cluster
    would go on naming a leader there, or a mended disk would not be used again.
    """
    with ottla.Broker(dir=tmp_path, config=config) as broker, client_of(broker) as client:
        written = [value[:5] for value in filled(client, tmp_path)]
        assert client.create("others", partitions=3) == [0]
        assert move(client, tmp_path / "b", "others", 0) == 0
        is_in(client, "others", "b")
        limit(client, "1000000")
        assert move(client, tmp_path / "b", "t") == 0
        eventually(lambda: futures(tmp_path), "it has begun")
        assert client.produce("t", b"later") == 0
        fails(broker, "a", lambda: client.produce("t", b"refused") == STORAGE)
        described = client.ask(describe_log_dirs.DescribeLogDirsRequest(topics=None))
        codes = {os.path.basename(row.log_dir): row.error_code for row in described.results}
        assert codes == {"meta": 0, "a": STORAGE, "b": 0, "c": 0}
        assert client.produce("others", b"taken", 0) == 0
        # While a dir is offline nothing moves, as in Apache Kafka.
        assert move(client, tmp_path / "c", "others", 0) == STORAGE
        assert move(client, tmp_path / "b", "others", 0) == 0
        assert move(client, tmp_path / "a", "others", 0) == STORAGE
        node: Any = broker._running()
        image = node._engine.context
        eventually(lambda: len(image.image.brokers[1].log_dirs) == 3, "the controller was told")
        assert image.image.topics.by_name["t"].partitions[0].leader == -1
        assert broker._running().measures()["controller.partitions_offline"] >= 1
        assert client.create("new", partitions=4) == [0]
        assert {client.produce("new", b"taken", index) for index in range(4)} == {0}
    with ottla.Broker(dir=tmp_path, config=config) as broker, client_of(broker) as client:
        assert client.metadata("t").leader_id == 1
        limit(client, None)
        is_in(client, "t", "b")
        assert everything(client) == [*written, b"later"]
        assert values(client, "others", 0) == [b"taken"]


def test_a_target_that_fails_leaves_the_partition_where_it_is(
    tmp_path: Path, config: dict[str, str]
) -> None:
    """If this failed, a disk that was only to take a partition would end it by failing."""
    with ottla.Broker(dir=tmp_path, config=config) as broker, client_of(broker) as client:
        written = [value[:5] for value in filled(client, tmp_path)]
        with disk_faults(broker, Fault("sync", "b/t-0.*-future/*.log", "EIO")):
            assert move(client, tmp_path / "b", "t") == 0
            eventually(lambda: places(client, "t") == [("a", False)], "it was given up")
        eventually(lambda: move(client, tmp_path / "b", "t") == STORAGE, "the dir failed")
        assert client.produce("t", b"later") == 0
        assert everything(client) == [*written, b"later"]
        eventually(lambda: recorded(broker) == "a", "the record names the old place")


def test_two_live_folders_are_one_after_a_start(tmp_path: Path, config: dict[str, str]) -> None:
    """If this failed, a crash between the two names of a move could bring an old copy back."""
    with ottla.Broker(dir=tmp_path, config=config) as broker, client_of(broker) as client:
        written = [value[:5] for value in filled(client, tmp_path)]
        assert move(client, tmp_path / "b", "t") == 0
        is_in(client, "t", "b")
        assert client.produce("t", b"later") == 0
    left = next((tmp_path / "a").glob("t-0.*-delete"))
    left.rename(tmp_path / "a" / "t-0")
    with ottla.Broker(dir=tmp_path, config=config) as broker, client_of(broker) as client:
        assert everything(client) == [*written, b"later"]
        assert lying_in(tmp_path / "a") == []
        assert list((tmp_path / "a").glob("t-0.*-stray"))


def test_what_comes_last_is_safe_before_the_copy_counts(
    tmp_path: Path, config: dict[str, str]
) -> None:
    """If this failed, what is written while a move ends, and was safe where it came from, could be
    lost by a power cut where it has gone.
    """
    with ottla.Broker(dir=tmp_path, config=config) as broker, client_of(broker) as client:
        kept = [value[:5] for value in filled(client, tmp_path)]
        held = Fault("rename", "/b/recovery-point-offset-checkpoint.tmp", delay_ms=HELD)
        with disk_faults(broker, held) as fired:
            assert move(client, tmp_path / "b", "t") == 0
            eventually(lambda: fired() == [1], "the copy has all, and is about to take its place")
            assert client.produce("t", b"last!") == 0
            core_of(broker).set_disk_faults([Fault("sync", "/b/t-0*/*.log", "EIO")])
            eventually(
                lambda: any(f"{tmp_path / 'b'} failed" in line.text for line in broker.log),
                "the last of it is synced",
            )
        is_in(client, "t", "a")
        assert everything(client) == [*kept, b"last!"]
