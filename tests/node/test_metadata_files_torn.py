"""The metadata log's folder on a disk that loses what was not synced, in any order."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ottla._core import SimDisk
from ottla.config.broker import BrokerConfig
from ottla.node.metadata_damage import MetadataDamaged
from ottla.node.metadata_files import MetadataFiles
from ottla.raft.quorum import Batch
from ottla.raft.quorum_state import QuorumState

FOLDER = "/sim/__cluster_metadata-0"
SEGMENT = f"{FOLDER}/00000000000000000000.log"
SEEDS = range(300)


class NoWrites:
    """The background, in which nothing is written in these tests."""

    def replace(self, path: str, contents: bytes, then: Callable[[str | None], None]) -> None:
        raise AssertionError(path)


def opened(disk: SimDisk) -> MetadataFiles:
    config = BrokerConfig(
        {
            "node.id": "1",
            "process.roles": "broker,controller",
            "controller.listener.names": "CONTROLLER",
            "controller.quorum.voters": "1@localhost:9093",
            "log.dirs": "/sim",
        }
    )
    return MetadataFiles(config, disk.disk, lambda: 1, NoWrites())  # type: ignore[arg-type]


def lead(files: MetadataFiles, epoch: int) -> None:
    files.save_state(QuorumState(leader_epoch=epoch, leader_id=1), 0, [1])


def append(
    files: MetadataFiles, *, epoch: int, timestamp_ms: int = 1, control: bool = False
) -> None:
    offset = files.end_offset
    # Writes end at a sector's end, if they end too early: none lacks only its last few bytes.
    value = b"%d" % offset * 400 + bytes(12)
    files.append(
        Batch(
            base_offset=offset,
            leader_epoch=epoch,
            timestamp_ms=timestamp_ms,
            control=control,
            records=[(None, value)],
        )
    )


def new_log(seed: int) -> tuple[SimDisk, MetadataFiles]:
    """A log with one batch that is safe."""
    disk = SimDisk(seed)
    files = opened(disk)
    lead(files, 1)
    append(files, epoch=1)
    files.flush()
    return disk, files


@pytest.mark.parametrize("seed", SEEDS)
def test_what_no_sync_made_safe_is_cut_whatever_of_it_arrived(seed: int) -> None:
    """If this failed, a power cut could leave a folder on which no node starts, though nothing is
    missing in it that anybody was told of.
    """
    disk, files = new_log(seed)
    for _ in range(3):
        append(files, epoch=1)
    disk.crash()
    assert 1 <= opened(disk).end_offset <= 4


@pytest.mark.parametrize("seed", SEEDS)
def test_what_a_killed_node_left_is_safe_before_the_next_writes(seed: int) -> None:
    """If this failed, the next node's first batch could outlive what lies before it, and the log
    would be refused.
    """
    disk, files = new_log(seed)
    append(files, epoch=1)
    files.abandon()
    files = opened(disk)
    lead(files, 2)
    append(files, epoch=2)
    disk.crash()
    assert 2 <= opened(disk).end_offset <= 3


@pytest.mark.parametrize("later", ["another life", "another time"])
def test_zeros_in_what_was_synced_are_damage(later: str) -> None:
    """If this failed, a lost sector would take every change of the cluster behind it, silently."""
    disk, files = new_log(1)
    first_bytes = len(disk.disk.read(SEGMENT) or b"")
    append(files, epoch=1, timestamp_ms=2)
    files.flush()
    lead(files, 2)
    if later == "another life":
        append(files, epoch=2, timestamp_ms=2, control=True)
    else:
        append(files, epoch=1, timestamp_ms=60_000)
    files.close()
    contents = disk.disk.read(SEGMENT)
    assert contents is not None
    disk.disk.replace(SEGMENT, bytes(first_bytes) + contents[first_bytes:])
    with pytest.raises(MetadataDamaged, match="is damaged at byte 0"):
        opened(disk)
