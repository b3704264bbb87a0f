"""UpdateFeatures of a node from outside: what a new level changes at once, and after a restart."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ottla.client.admin import cluster, features, topics
from ottla.client.admin.features import SAFE_DOWNGRADE, Update
from ottla.client.client import Client
from ottla.client.errors import BrokerError
from ottla.metadata.features import METADATA_VERSION_MAX
from ottla.wire.records import read_batches
from ottla.wire.stored.frame import decode_metadata_record
from servers import OttlaProcess, OttlaServer, eventually

OLDEST = 7
"""3.3: no registrations of controllers, and no folders in those of brokers."""


@pytest.fixture
def node(tmp_path: Path) -> Iterator[OttlaServer]:
    """A node at the latest levels."""
    server = OttlaServer(tmp_path / "data")
    server.start()
    yield server
    server.stop()


def levels(bootstrap: str) -> dict[str, int]:
    """The final levels, asked on a new connection."""
    with Client(bootstrap) as client:
        return cluster.features(client)


def metadata(folder: Path) -> list[tuple[Any, int]]:
    """Every metadata record in a node's log, with its version."""
    (log,) = (folder / "__cluster_metadata-0").glob("*.log")
    return [
        decode_metadata_record(record.value or b"")
        for batch in read_batches(log.read_bytes())
        if not batch.is_control
        for record in batch.records
    ]


def test_a_level_is_seen_at_once_and_after_a_restart(node: OttlaServer) -> None:
    """If this failed, clients would go on with the transactions of a level that was given up, or a
    restart would bring it back.
    """
    with Client(node.bootstrap) as client:
        before = features.describe(client).epoch
        features.update(client, [Update("transaction.version", 0, SAFE_DOWNGRADE)])
    with Client(node.bootstrap) as client:
        after = features.describe(client)
    assert before is not None
    assert after.epoch is not None
    assert after.epoch > before
    assert "transaction.version" not in levels(node.bootstrap)
    node.restart()
    assert "transaction.version" not in levels(node.bootstrap)
    with Client(node.bootstrap) as client:
        features.update(client, [Update("transaction.version", 2)])
    assert levels(node.bootstrap)["transaction.version"] == 2


def test_what_is_refused_changes_nothing(node: OttlaServer) -> None:
    """If this failed, half of a change that was refused would be final."""
    before = levels(node.bootstrap)
    with Client(node.bootstrap) as client, pytest.raises(BrokerError, match="nope"):
        features.update(client, [Update("group.version", 0, SAFE_DOWNGRADE), Update("nope", 1)])
    with Client(node.bootstrap) as client:
        features.update(client, [Update("group.version", 0, SAFE_DOWNGRADE)], validate_only=True)
    assert levels(node.bootstrap) == before


def test_an_old_cluster_is_raised_while_it_runs(tmp_path: Path) -> None:
    """If this failed, a cluster raised from 3.3 would lack the registrations that the new level has
    a place for, and other nodes would not find this one.
    """
    server = OttlaProcess(
        tmp_path / "data", {"log.dirs": f"{tmp_path}/data"}, features={"metadata.version": OLDEST}
    )
    server.start()
    try:
        kinds = {type(record).__name__ for record, _ in metadata(server.folder)}
        assert "RegisterControllerRecord" not in kinds
        with Client(server.bootstrap) as client:
            topics.create(client, [topics.NewTopic("old", 1, 1)])
            features.update(client, [Update("metadata.version", METADATA_VERSION_MAX)])
            topics.create(client, [topics.NewTopic("new", 1, 1)])

        def registered() -> bool:
            found = metadata(server.folder)
            brokers = [(r, v) for r, v in found if type(r).__name__ == "RegisterBrokerRecord"]
            controllers = [r for r, _ in found if type(r).__name__ == "RegisterControllerRecord"]
            return bool(controllers) and brokers[-1][1] == 4 and len(brokers[-1][0].log_dirs) == 1

        eventually(registered, "the broker and the controller have registered again")
        server.restart()
        assert levels(server.bootstrap)["metadata.version"] == METADATA_VERSION_MAX
        with Client(server.bootstrap) as client:
            names = {row.name for row in client.metadata().topics}
            assert {"old", "new"} <= names
            with pytest.raises(BrokerError, match="delete metadata"):
                features.update(client, [Update("metadata.version", OLDEST, SAFE_DOWNGRADE)])
    finally:
        server.stop()


def test_a_fixed_quorum_stays_one(tmp_path: Path) -> None:
    """If this failed, a level would be final that this node can't go by."""
    server = OttlaProcess(tmp_path / "data")
    server.start()
    try:
        with (
            Client(server.bootstrap) as client,
            pytest.raises(BrokerError, match="not honoured"),
        ):
            features.update(client, [Update("kraft.version", 1)])
        assert "kraft.version" not in levels(server.bootstrap)
    finally:
        server.stop()
