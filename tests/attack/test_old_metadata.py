"""What a metadata snapshot made needless, on a disk that refuses to let it go, or takes its time.

Nothing depends on it but the next start: no fault of its deletion may end a node or make one wait.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import ottla
from attack.faults import HELD, Fault, disk_faults
from attack.partition_client import PartitionClient, client_of
from servers import eventually

FOLDER = "__cluster_metadata-0"
SMALL = {
    "metadata.log.max.record.bytes.between.snapshots": 100,
    "metadata.max.retention.bytes": 2000,
    "metadata.log.segment.ms": 1,
}
"""A snapshot and a segment for each change, and few of them to be kept."""


def segments(folder: Path) -> list[str]:
    """The names of the metadata log's segments, oldest first."""
    return sorted(path.name for path in (folder / FOLDER).glob("*.log"))


def grows(client: PartitionClient, names: list[str], until: Callable[[], bool], what: str) -> None:
    """Create topics, whose names are added, until this is so."""

    def one_more() -> bool:
        names.append(f"topic-{len(names)}")
        assert client.create(names[-1]) == [0]
        return until()

    eventually(one_more, what)


@pytest.mark.parametrize("errno", ["ENOSPC", "EIO"])
@pytest.mark.parametrize(
    ("verb", "file"),
    [
        ("remove", "*.log"),
        ("remove", "*.timeindex"),
        ("rename", "*.log"),
        ("write", "leader-epoch-checkpoint.tmp"),
    ],
)
def test_an_old_segment_that_can_not_be_deleted_ends_nothing(
    tmp_path: Path, verb: str, file: str, errno: str
) -> None:
    """A moment in which the disk refused to let an old segment of the metadata log go ended a node
    that could serve all its records; or what it refused once would lie there for ever.
    """
    names: list[str] = []
    with ottla.Broker(dir=tmp_path, config=SMALL) as broker, client_of(broker) as client:
        node = broker._running()
        with disk_faults(broker, Fault(verb, f"/{FOLDER}/{file}", errno)) as fired:
            if verb == "remove":
                grows(client, names, lambda: fired()[0] > 2, "it is tried again")
            else:
                grows(client, names, lambda: len(names) > 20, "a life goes on")
        assert node.failure is None
        before = segments(tmp_path)
        grows(client, names, lambda: before[0] not in segments(tmp_path), "it goes later")
        assert not list((tmp_path / FOLDER).glob("*.deleted")), "nobody would remove it"
    with ottla.Broker(dir=tmp_path, config=SMALL) as broker, client_of(broker) as client:
        assert {client.metadata(name).leader_id for name in names} == {1}


def test_nobody_waits_for_the_deletion_of_old_segments(tmp_path: Path) -> None:
    """On a disk that hangs there no request was answered any more, and no heartbeat."""
    names: list[str] = []
    with ottla.Broker(dir=tmp_path, config=SMALL) as broker, client_of(broker) as client:
        with disk_faults(broker, Fault("remove", f"/{FOLDER}/*.log", delay_ms=HELD)) as fired:
            grows(client, names, lambda: fired()[0] > 0, "a deletion begins")
            more = len(names) + 10
            grows(client, names, lambda: len(names) >= more, "changes go on")
            assert fired() == [1], "one at a time"
        grows(client, names, lambda: len(segments(tmp_path)) < 10, "it goes on")
    with ottla.Broker(dir=tmp_path, config=SMALL) as broker, client_of(broker) as client:
        assert {client.metadata(name).leader_id for name in names} == {1}


def test_a_start_on_what_a_kill_left_of_a_deletion(tmp_path: Path) -> None:
    """Segments that are gone beside a snapshot that is not would look like a log that misses its
    beginning.
    """
    names: list[str] = []
    broker = ottla.Broker(dir=tmp_path, config=SMALL).start()
    with client_of(broker) as client:
        refused = Fault("remove", f"/{FOLDER}/*.checkpoint", "EIO")
        with disk_faults(broker, refused) as fired:
            grows(client, names, lambda: fired()[0] > 0, "segments went, their snapshots did not")
            snapshots = sorted(path.name for path in (tmp_path / FOLDER).glob("*.checkpoint"))
            oldest = int(snapshots[0].partition("-")[0])
            assert oldest < int(segments(tmp_path)[0].removesuffix(".log"))
            broker.kill()
    with ottla.Broker(dir=tmp_path, config=SMALL) as broker, client_of(broker) as client:
        assert {client.metadata(name).leader_id for name in names} == {1}
        grows(client, names, lambda: not (tmp_path / FOLDER / snapshots[0]).exists(), "it goes")
