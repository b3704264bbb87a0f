"""Batches of transactions at a node whose coordinator is the test: who is asked, what is appended, how it ends."""

from __future__ import annotations

from pathlib import Path

from node_peer import TOPIC, Peer, bounds
from transactional import PRODUCER, TRANSACTIONAL_ID, deciding, part_of, produce

from ottla import _core


def test_a_transaction_from_its_first_batch_to_its_end(tmp_path: Path) -> None:
    """No transaction would work at all, or each of its batches would be asked about."""
    with deciding(tmp_path) as node, Peer(node.port) as peer:
        assert produce(peer, {0: part_of(0), 1: part_of(0)}) == [(0, 0), (0, 0)]
        (asked,) = node.unverified
        assert (asked.transactional_id, asked.version) == (TRANSACTIONAL_ID, 12)
        assert (asked.producer_id, asked.producer_epoch) == (PRODUCER, 0)
        assert asked.partitions == [_core.TopicPartition(TOPIC, index) for index in (0, 1)]
        assert produce(peer, {0: part_of(1)}) == [(0, 1)]
        assert len(node.unverified) == 1
        assert node.core.metrics()["produce.unverified"] == 1
        assert bounds(node.core) == (0, 2, 0, 2)
        (state,) = node.producers()
        assert (state.producer_id, state.last_sequence, state.first_offset) == (PRODUCER, 1, 0)
        assert state.coordinator_epoch == -1
        ended = node.ends(coordinator_epoch=3)
        assert (ended.error_code, ended.offset) == (0, 2)
        assert bounds(node.core) == (0, 3, 3, 3)
        (state,) = node.producers()
        assert (state.coordinator_epoch, state.first_offset) == (3, -1)
