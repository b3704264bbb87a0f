"""What the simulation itself stands on: its disk, and its reading of it past the node."""

from __future__ import annotations

import pytest

from ottla._core import CoreError, SimDisk, SimNode
from ottla.sim.machine import LOG_DIR
from ottla.sim.stored import is_cut, is_safe, safe_end, safe_part, visible, visible_end
from ottla.wire.records import Record, build_batch


def batch(base_offset: int) -> bytes:
    """One batch of one record."""
    return build_batch([Record(None, b"value")], base_offset=base_offset)


def disk_with(*batches: bytes) -> SimDisk:
    """A partition's folder with one segment, put in place safely."""
    disk = SimDisk(1)
    disk.disk.make_folder(f"{LOG_DIR}/t-0")
    disk.disk.sync_folder(LOG_DIR)
    disk.disk.replace(f"{LOG_DIR}/t-0/00000000000000000000.log", b"".join(batches))
    return disk


def test_safe_batches_are_counted() -> None:
    """If this failed, a record that a power cut may take would pass for safe, or the other way."""
    disk = disk_with(batch(0), batch(1), batch(2)[:-1])
    assert [found.base_offset for found in visible(disk, "t-0")] == [0, 1]
    assert safe_end(disk, "t-0", 0) == 2
    assert is_safe(disk, "t-0", 1)
    assert not is_safe(disk, "t-0", 2)
    assert visible_end(disk, "t-0") == 2
    assert visible_end(disk, "t-1") is None


def test_the_safe_part_of_a_log_with_gaps() -> None:
    """If this failed, a compacted log could lose what was synced, or be held against for what was
    not: what lies behind a torn batch goes, and names that change say nothing.
    """
    disk, folder = disk_with(batch(0), batch(3)), f"{LOG_DIR}/t-0"
    disk.disk.replace(f"{folder}/00000000000000000007.log", batch(8))
    assert safe_part(disk, "t-0") == 9
    disk.disk.replace(f"{folder}/00000000000000000012.log", batch(12)[:-1])
    disk.disk.replace(f"{folder}/00000000000000000020.log", batch(20))
    assert safe_part(disk, "t-0") == 9
    disk.disk.replace(f"{folder}/00000000000000000000.log.swap", batch(0))
    assert safe_part(disk, "t-0") == 0
    assert safe_part(disk, "t-1") == 0, "it has no folder yet"


def test_a_first_part_of_a_batch_is_told_from_other_bytes() -> None:
    """If this failed, a slice from the middle of a batch, or a broken one, would pass for a batch
    that a Fetch had no more room for.
    """
    data = batch(7)
    assert all(is_cut(data[:end], 7) for end in range(1, len(data)))
    assert not is_cut(data, 7), "it is whole, and is to be read"
    assert not is_cut(data[:-1], 8)
    assert not is_cut(data[3:-1], 7)


def test_a_disk_takes_nothing_from_the_dead() -> None:
    """If this failed, a killed node could still write what the next one finds."""
    disk = SimDisk(1)
    disk.disk.make_folder(LOG_DIR)
    node = SimNode(disk, node_id=1, log_dirs=[LOG_DIR], seed=1, now_ms=0)
    files = node.core.disk
    files.replace(f"{LOG_DIR}/x", b"1")
    node.core.kill()
    with pytest.raises(CoreError, match="before the crash"):
        files.replace(f"{LOG_DIR}/x", b"2")
    assert disk.disk.read(f"{LOG_DIR}/x") == b"1"


def test_death_comes_in_the_middle_of_a_change() -> None:
    """If this failed, no run would end between two writes that belong together."""
    disk = SimDisk(1)
    disk.disk.make_folder(LOG_DIR)
    node = SimNode(disk, node_id=1, log_dirs=[LOG_DIR], seed=1, now_ms=0)
    files = node.core.disk
    disk.die_after(2)
    with pytest.raises(CoreError, match="before the crash"):
        files.replace(f"{LOG_DIR}/x", b"1")
    assert disk.deaths == 1
    assert disk.disk.read(f"{LOG_DIR}/x") is None
