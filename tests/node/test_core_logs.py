"""What handlers learn of the disks that the core's logs lie on."""

from __future__ import annotations

import os
from pathlib import Path

import ottla
from attack.line import Line
from ottla._core import Disk, SimDisk
from ottla.wire.messages.describe_log_dirs import DescribeLogDirsRequest


def test_the_room_on_a_volume_is_the_disks_to_say(tmp_path: Path) -> None:
    """An operator would see the room of another disk, and a simulated node that of the machine."""
    disk = SimDisk(1)
    disk.set_capacity(1000)
    disk.disk.make_folder("/logs")
    disk.disk.replace("/logs/file", bytes(300))
    space = disk.disk.space("/logs")
    assert (space.total_bytes, space.usable_bytes) == (1000, 700)
    volume = os.statvfs(tmp_path)
    assert Disk().space(str(tmp_path)).total_bytes == volume.f_blocks * volume.f_frsize
    with ottla.Broker(dir=tmp_path) as broker:
        answer = Line(broker.port).ask(DescribeLogDirsRequest(topics=None), 4)
        assert [row.total_bytes for row in answer.results] == [volume.f_blocks * volume.f_frsize]
        assert answer.results[0].usable_bytes > 0
