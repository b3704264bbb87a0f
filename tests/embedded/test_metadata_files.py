"""What a node does with its metadata folder over its lives."""

from __future__ import annotations

from pathlib import Path

from confluent_kafka.admin import AdminClient, NewTopic

import ottla
from servers import eventually

FOLDER = "__cluster_metadata-0"


def admin_of(broker: ottla.Broker) -> AdminClient:
    """An admin client."""
    return AdminClient({"bootstrap.servers": broker.bootstrap_servers, "log_level": 0})


def newest(folder: Path) -> int:
    """Where the newest snapshot ends; that of the formatting, which has the voters, at 0."""
    return max(int(file.stem.split("-")[0]) for file in (folder / FOLDER).glob("*.checkpoint"))


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
        # One is written at a time, in the background: with the next commit comes the next.
        eventually(lambda: newest(tmp_path) > 10, "a snapshot has the topics")
    with ottla.Broker(dir=tmp_path, config=config) as broker:
        found = admin_of(broker).list_topics(timeout=20).topics
        assert {f"t{i}": 3 for i in range(5)} == {n: len(t.partitions) for n, t in found.items()}
