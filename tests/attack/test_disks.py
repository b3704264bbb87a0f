"""Every kind of disk fault at every moment, against the table in docs/design/faults.md."""

from __future__ import annotations

from pathlib import Path

import pytest

import ottla
from attack.faults import METADATA_LOG, Fault, core_of, disk_faults
from attack.partition_client import client_of
from ottla._core import CoreError


def test_faults_reach_every_file_of_the_node(tmp_path: Path) -> None:
    """All other tests here would prove nothing if their faults fell beside the files they name."""
    with ottla.Broker(dir=tmp_path) as broker, client_of(broker) as client:
        seen = [
            Fault("write", "orders-0/*.log"),
            Fault("create", "orders-0/*.log"),
            Fault("write", METADATA_LOG),
            Fault("sync", METADATA_LOG),
            Fault("rename", "orders-0/partition.metadata.tmp"),
            Fault("write", "another-0/*.log"),
        ]
        with disk_faults(broker, *seen) as fired:
            assert client.create("orders") == [0]
            assert client.produce("orders", b"one") == 0
            counts = fired()
        assert all(counts[:5]), counts
        assert counts[5] == 0
        assert core_of(broker).disk_faults_fired() == []
        with pytest.raises(CoreError, match="verb"):
            core_of(broker).set_disk_faults([Fault("fly", "")])
