"""Partitions beside a metadata log that knows of none."""

from __future__ import annotations

import pytest

from ottla._core import SimDisk
from ottla.node.metadata_damage import MetadataDamaged, partition_in, refuse_emptiness


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
