"""What a node does with its metadata folder over its lives."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient, NewTopic

import ottla
from ottla.node.meta_properties import replace_file

FOLDER = "__cluster_metadata-0"


def admin_of(broker: ottla.Broker) -> AdminClient:
    """An admin client."""
    return AdminClient({"bootstrap.servers": broker.bootstrap_servers, "log_level": 0})


def test_a_snapshot_is_taken_and_loaded(tmp_path: Path) -> None:
    """If this failed, the metadata log would grow for ever, or a start from a snapshot lose
    topics.
    """
    config = {
        "metadata.log.max.record.bytes.between.snapshots": "100",
        "metadata.log.segment.bytes": "8388608",
    }
    with ottla.Broker(dir=tmp_path, config=config) as broker:
        admin = admin_of(broker)
        made = admin.create_topics(
            [NewTopic(f"t{i}", 3, 1, config={"retention.ms": str(i + 1)}) for i in range(5)]
        )
        for future in made.values():
            future.result(20)
    snapshots = sorted(f for f in (tmp_path / FOLDER).glob("*.checkpoint"))
    assert len(snapshots) > 1, "one is the checkpoint of the voters"
    first = int(snapshots[-1].stem.split("-")[0])
    assert first > 10
    with ottla.Broker(dir=tmp_path, config=config) as broker:
        found = admin_of(broker).list_topics(timeout=20).topics
        assert {f"t{i}": 3 for i in range(5)} == {n: len(t.partitions) for n, t in found.items()}


def test_the_quorums_state_is_on_disk_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If this failed, a power cut could leave an empty quorum-state: a voter that votes twice."""
    calls: list[str] = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda fd: (calls.append("fsync"), fsync(fd))[1])
    monkeypatch.setattr(os, "replace", lambda a, b: (calls.append("replace"), replace(a, b))[1])
    replace_file(str(tmp_path / "quorum-state"), b"x")
    assert calls == ["fsync", "replace", "fsync"]
    calls.clear()
    replace_file(str(tmp_path / "quorum-state"), b"y", durable=False)
    assert calls == ["replace"]
    calls.clear()
    with ottla.Broker(dir=tmp_path / "kept"):
        assert calls.count("fsync") >= 2 * calls.count("replace") > 0
    calls.clear()
    with ottla.Broker():
        assert "fsync" not in calls
