"""What a node does with its metadata folder over its lives."""

from __future__ import annotations

from pathlib import Path

from confluent_kafka.admin import AdminClient, NewTopic

import ottla

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
