"""What the deciding side asks of a disk reaches the disk that the node's logs lie on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import ottla
from attack.line import Line
from ottla._core import Disk, SimDisk
from ottla.node.metadata_damage import MetadataDamaged, partition_in, refuse_emptiness
from ottla.wire.messages.describe_log_dirs import DescribeLogDirsRequest


def test_the_room_on_a_volume_is_the_disks_to_say(tmp_path: Path) -> None:
    """An operator would see the room of another disk, and a simulated node that of the machine."""
    disk = SimDisk(1)
    disk.set_capacity(1000)
    disk.disk.make_folder("/logs")
    disk.disk.replace("/logs/file", bytes(300))
    assert disk.disk.space("/logs") == (1000, 700)
    volume = os.statvfs(tmp_path)
    assert Disk().space(str(tmp_path))[0] == volume.f_blocks * volume.f_frsize
    with ottla.Broker(dir=tmp_path) as broker:
        answer = Line(broker.port).ask(DescribeLogDirsRequest(topics=None), 4)
        assert [row.total_bytes for row in answer.results] == [volume.f_blocks * volume.f_frsize]
        assert answer.results[0].usable_bytes > 0


def test_partitions_beside_an_empty_metadata_log_are_found_on_any_disk() -> None:
    """A node whose metadata is lost would begin anew, and set every partition aside."""
    disk = SimDisk(1).disk
    for folder in ("/logs/__cluster_metadata-0", "/logs/name-0", "/logs/t-1"):
        disk.make_folder(folder)
    assert partition_in(disk, "/logs") == ""
    assert partition_in(disk, "/nowhere") == ""
    refuse_emptiness(disk, "/logs/__cluster_metadata-0", ["/logs"])
    disk.replace("/logs/t-1/partition.metadata", b"version: 0")
    assert partition_in(disk, "/logs") == "t-1"
    with pytest.raises(MetadataDamaged, match="holds no metadata"):
        refuse_emptiness(disk, "/logs/__cluster_metadata-0", ["/logs"])
