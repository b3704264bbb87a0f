"""Several log directories: who gets a new partition, and what the cluster is told of it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

import ottla
from attack.faults import HELD, Fault, disk_faults
from attack.partition_client import PartitionClient, client_of
from cli.commands import run
from ottla.errors import OttlaError
from ottla.node import housekeeping
from ottla.wire.errors import ErrorCode
from ottla.wire.messages import describe_log_dirs
from ottla.wire.messages.alter_replica_log_dirs import (
    AlterReplicaLogDir,
    AlterReplicaLogDirsRequest,
    AlterReplicaLogDirTopic,
)
from ottla.wire.records import read_batches
from servers import eventually


def configs(folder: Path) -> dict[str, str]:
    """Two log directories."""
    return {"log.dirs": f"{folder / 'a'},{folder / 'b'}"}


def lying_in(folder: Path) -> list[str]:
    """The partitions' folders."""
    names = (name for name in os.listdir(folder) if name[-1:].isdigit())
    return sorted(name for name in names if not name.startswith("__cluster"))


def described(client: PartitionClient) -> list[list[tuple[str, list[int]]]]:
    """What DescribeLogDirs says of each directory."""
    answer = client.ask(describe_log_dirs.DescribeLogDirsRequest(topics=None))
    return [
        [(t.name, sorted(p.partition_index for p in t.partitions)) for t in result.topics]
        for result in answer.results
    ]


def is_recorded(broker: ottla.Broker, topic: str, places: list[int]) -> bool:
    """Whether the metadata log comes to name these places in `log.dirs` for the partitions."""
    node: Any = broker._running()
    named = tuple((node._engine._place.identity.directory_ids[place],) for place in places)

    def found() -> bool:
        partitions = node._engine.context.image.topics.by_name[topic].partitions
        return tuple(partition.directories for partition in partitions) == named

    return bool(eventually(found, f"{topic} is recorded at {places}"))


def values(client: PartitionClient, topic: str, partition: int) -> list[bytes | None]:
    """The records of a partition."""
    read = client.fetch(topic, partition)
    assert read.error_code == 0
    return [record.value for batch in read_batches(read.records) for record in batch.records]


def test_new_partitions_go_where_the_fewest_are(tmp_path: Path) -> None:
    """If this failed, one disk of a server would fill up while the others stay empty, or the
    cluster would be told of another place than that where a partition lies.
    """
    with ottla.Broker(config=configs(tmp_path)) as broker, client_of(broker) as client:
        assert client.create("one") == [0]
        assert client.create("two", partitions=4) == [0]
        assert [client.produce("two", b"v%d" % index, index) for index in range(4)] == [0] * 4
        assert lying_in(tmp_path / "a") == ["one-0", "two-1", "two-3"]
        assert lying_in(tmp_path / "b") == ["two-0", "two-2"]
        assert described(client) == [[("one", [0]), ("two", [1, 3])], [("two", [0, 2])]]
        assert is_recorded(broker, "one", [0])
        assert is_recorded(broker, "two", [1, 0, 1, 0])
        assert client.metadata("two", 2).leader_epoch == 0, "no new leader for that"
        assert client.delete("two") == 0
        assert client.create("three", partitions=2) == [0]
        assert is_recorded(broker, "three", [1, 0])
    with ottla.Broker(config=configs(tmp_path)) as broker, client_of(broker) as client:
        assert is_recorded(broker, "three", [1, 0])
        assert client.create("four", partitions=2) == [0]
        assert is_recorded(broker, "four", [1, 0])


def test_a_folder_that_was_moved_is_found(tmp_path: Path) -> None:
    """If this failed, whoever moves folders from a full disk to another, as operators of Apache
    Kafka do, would find their partitions empty.
    """
    with ottla.Broker(config=configs(tmp_path)) as broker, client_of(broker) as client:
        assert client.create("moved", partitions=2) == [0]
        assert client.produce("moved", b"kept", 0) == 0
        assert is_recorded(broker, "moved", [0, 1])
    (tmp_path / "a" / "moved-0").rename(tmp_path / "b" / "moved-0")
    for _ in range(2):
        with ottla.Broker(config=configs(tmp_path)) as broker, client_of(broker) as client:
            assert values(client, "moved", 0) == [b"kept"]
            assert is_recorded(broker, "moved", [1, 1])
            assert described(client)[1] == [("moved", [0, 1])]
            assert lying_in(tmp_path / "a") == []


def test_a_directory_that_is_away_is_not_made_anew(tmp_path: Path) -> None:
    """If this failed, a directory that is left out of `log.dirs` for a day would come back beside
    newer and emptier folders of its partitions.
    """
    with ottla.Broker(config=configs(tmp_path)) as broker, client_of(broker) as client:
        assert client.create("t", partitions=2) == [0]
        assert client.produce("t", b"kept", 1) == 0
    other = {"log.dirs": f"{tmp_path / 'a'},{tmp_path / 'c'}"}
    with ottla.Broker(config=other) as broker, client_of(broker) as client:
        assert client.produce("t", b"taken", 0) == 0
        assert client.produce("t", b"refused", 1) == ErrorCode.KAFKA_STORAGE_ERROR
        assert client.metadata("t", 1).offline_replicas == [1]
        assert lying_in(tmp_path / "c") == []
    with ottla.Broker(config=configs(tmp_path)) as broker, client_of(broker) as client:
        assert values(client, "t", 1) == [b"kept"]


def is_no_folder(directory: Path) -> Path:
    """A file lies in its place."""
    directory.rename(directory.with_name("kept"))
    directory.write_text("no folder")
    return directory


def has_no_checkpoint(directory: Path) -> Path:
    """Its disk refuses one of its small files."""
    checkpoint = directory / "recovery-point-offset-checkpoint"
    checkpoint.rename(directory.with_name("kept"))
    checkpoint.mkdir()
    return checkpoint


def mend(bad: Path) -> None:
    """It is as it was."""
    if bad.is_dir():
        bad.rmdir()
    else:
        bad.unlink()
    kept = (parent / "kept" for parent in bad.parents)
    next(path for path in kept if path.exists()).rename(bad)


@pytest.mark.parametrize("spoil", [is_no_folder, has_no_checkpoint])
def test_a_directory_that_fails_at_the_start_ends_no_other(tmp_path: Path, spoil: Any) -> None:
    """If this failed, one bad disk of two would keep a server from starting, or its partitions
    would begin anew, and empty, on the other.
    """
    with ottla.Broker(config=configs(tmp_path)) as broker, client_of(broker) as client:
        assert client.create("t", partitions=2) == [0]
        assert [client.produce("t", b"kept", index) for index in (0, 1)] == [0, 0]
        assert is_recorded(broker, "t", [0, 1])
    bad = spoil(tmp_path / "b")
    with ottla.Broker(config=configs(tmp_path)) as broker, client_of(broker) as client:
        assert values(client, "t", 0) == [b"kept"]
        assert client.produce("t", b"taken", 0) == 0
        assert client.produce("t", b"refused", 1) == ErrorCode.KAFKA_STORAGE_ERROR
        shown = client.metadata("t", 1)
        assert (shown.leader_id, shown.offline_replicas) == (-1, [1])
        assert client.create("new", partitions=2) == [0]
        assert [client.produce("new", b"new", index) for index in (0, 1)] == [0, 0]
        assert lying_in(tmp_path / "a") == ["new-0", "new-1", "t-0"]
    mend(bad)
    with ottla.Broker(config=configs(tmp_path)) as broker, client_of(broker) as client:
        assert values(client, "t", 1) == [b"kept"]
        assert client.produce("t", b"taken", 1) == 0
        assert is_recorded(broker, "t", [0, 1])
        assert is_recorded(broker, "new", [0, 0])


@pytest.mark.parametrize("spoil", [is_no_folder, has_no_checkpoint])
def test_the_directory_of_the_metadata_log_must_be_there(tmp_path: Path, spoil: Any) -> None:
    """If this failed, a node would start without knowing of its topics."""
    with ottla.Broker(config=configs(tmp_path)):
        pass
    bad = spoil(tmp_path / "a")
    with pytest.raises(OttlaError, match=r"/a\b"):
        ottla.Broker(config=configs(tmp_path)).start()
    mend(bad)
    with ottla.Broker(config=configs(tmp_path)):
        pass


def unmounted(directory: Path) -> Path:
    """Its disk is taken away, and nothing is left in its place; where it is by now."""
    return directory.rename(directory.with_name("away"))


def unmounted_lazily(directory: Path) -> Path:
    """The same of a mount: its mount point stays, an empty folder of another disk."""
    away = unmounted(directory)
    directory.mkdir()
    return away


def overwritten(directory: Path) -> Path:
    """A file lies where it was."""
    away = unmounted(directory)
    directory.write_text("no folder")
    return away


def mounted(away: Path, directory: Path) -> None:
    """It is back."""
    if directory.is_dir():
        assert list(directory.iterdir()) == [], "what is made there lies on another disk"
        directory.rmdir()
    directory.unlink(missing_ok=True)
    away.rename(directory)


@pytest.mark.parametrize("leaves", [unmounted, unmounted_lazily, overwritten])
@pytest.mark.parametrize("noticed", ["by the look", "by a new partition", "by a move"])
def test_a_directory_that_goes_away_ends_no_other(
    tmp_path: Path, noticed: str, leaves: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If this failed, a disk that is taken away beneath a node would get new partitions for ever,
    and what is written to its open files, or in its place, would be acknowledged and lost.
    """
    if noticed != "by the look":
        monkeypatch.setattr(housekeeping, "PRESENCE_MS", 3_600_000)
    with ottla.Broker(config=configs(tmp_path)) as broker, client_of(broker) as client:
        assert client.create("t", partitions=2) == [0]
        assert [client.produce("t", b"kept", index) for index in (0, 1)] == [0, 0]
        assert is_recorded(broker, "t", [0, 1])
        away = leaves(tmp_path / "b")
        if noticed == "by a new partition":
            assert client.create("first", partitions=2) == [0]
        if noticed == "by a move":
            one = AlterReplicaLogDirTopic(name="t", partitions=[0])
            to_b = AlterReplicaLogDir(path=str(tmp_path / "b"), topics=[one])
            client.ask(AlterReplicaLogDirsRequest(dirs=[to_b]))
        eventually(lambda: client.metadata("t", 1).leader_id == -1, "it is offline")
        assert any("b failed: its folder" in line.text for line in broker.log)
        at = ("--bootstrap-server", broker.bootstrap_servers)
        shown = json.loads(run(["kafka-log-dirs.sh", "--describe", *at]).stdout.splitlines()[-1])
        errors = [row["error"] for row in shown["brokers"][0]["logDirs"]]
        assert errors == [None, "org.apache.kafka.common.errors.KafkaStorageException"]
        assert client.produce("t", b"refused", 1) == ErrorCode.KAFKA_STORAGE_ERROR
        assert client.produce("t", b"taken", 0) == 0
        assert client.create("new", partitions=2) == [0]
        assert is_recorded(broker, "new", [0, 0])
    mounted(away, tmp_path / "b")
    with ottla.Broker(config=configs(tmp_path)) as broker, client_of(broker) as client:
        assert values(client, "t", 0) == [b"kept", b"taken"]
        assert values(client, "t", 1) == [b"kept"]
        assert client.produce("t", b"taken", 1) == 0


def test_an_end_tells_of_a_directory_that_went_away(tmp_path: Path) -> None:
    """If this failed, whoever stops a node would not hear that a part of it was not closed."""
    with ottla.Broker(config=configs(tmp_path)) as broker, client_of(broker) as client:
        assert client.create("t", partitions=2) == [0]
        assert client.produce("t", b"kept", 1) == 0
        unmounted(tmp_path / "b")
        with pytest.raises(OttlaError, match=r"/b failed: its folder is gone"):
            broker.close()
    mounted(tmp_path / "away", tmp_path / "b")
    with ottla.Broker(config=configs(tmp_path)) as broker, client_of(broker) as client:
        assert values(client, "t", 1) == [b"kept"]


def test_a_directory_that_is_there_again_is_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If this failed, an operator would wait for what only a start brings back. Nor does a disk
    that hangs keep the others from being looked at.
    """
    monkeypatch.setattr(housekeeping, "PRESENCE_MS", 50)
    with ottla.Broker(config=configs(tmp_path)) as broker:
        with disk_faults(broker, Fault("stat", "/a/.lock", delay_ms=HELD)):
            away = unmounted(tmp_path / "b")
            eventually(
                lambda: any("b failed: its folder is gone" in line.text for line in broker.log),
                "it is missed",
            )
        mounted(away, tmp_path / "b")
        eventually(
            lambda: any("b is there again" in line.text for line in broker.log), "it is seen"
        )
