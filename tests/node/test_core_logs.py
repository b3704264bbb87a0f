"""What handlers learn of the disks that the core's logs lie on."""

from __future__ import annotations

import os
from pathlib import Path

import ottla
from attack.line import Line
from ottla._core import Question, SimDisk, SimNode
from ottla.wire.messages.describe_log_dirs import DescribeLogDirsRequest


def test_the_room_on_a_volume_is_the_disks_to_say(tmp_path: Path) -> None:
    """An operator would see the room of another disk, and a simulated node that of the machine."""
    disk = SimDisk(1)
    disk.set_capacity(1_000_000)
    disk.disk.make_folder("/logs")
    disk.disk.replace("/logs/file", bytes(300_000))
    node = SimNode(disk, node_id=1, log_dirs=["/logs"], seed=1, now_ms=0)
    assert node.core.ask(7, [Question.Space(0), Question.Space(1)]) is None, "it asks the disk"
    for place in (1, 0):
        assert node.work_at(place) == "measure"
        assert node.step("work", place)
    (answered,) = node.core.next(0)
    here, nowhere = answered.answers
    assert (here.error_code, here.total_bytes, here.usable_bytes) == (0, 1_000_000, 700_000)
    assert nowhere.error_code
    volume = os.statvfs(tmp_path)
    with ottla.Broker(dir=tmp_path) as broker:
        answer = Line(broker.port).ask(DescribeLogDirsRequest(topics=None), 4)
        assert [row.total_bytes for row in answer.results] == [volume.f_blocks * volume.f_frsize]
        assert answer.results[0].usable_bytes > 0
