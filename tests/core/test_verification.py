"""Batches of transactions, and their ends, at a node whose coordinator is the test."""

from __future__ import annotations

import struct
import tarfile
from pathlib import Path

import pytest
from node_peer import TOPIC, Peer, batch, bounds, eventually
from transactional import (
    PRODUCER,
    TRANSACTIONAL_ID,
    deciding,
    heard,
    part_of,
    produce,
    send,
)

from ottla import _core

INVALID_PRODUCER_EPOCH, INVALID_TXN_STATE, INVALID_PRODUCER_ID_MAPPING = 47, 48, 49
CONCURRENT_TRANSACTIONS, COORDINATOR_FENCED, ID_AUTHORIZATION_FAILED = 51, 52, 53
REQUEST_TIMED_OUT, OUT_OF_ORDER, INVALID_RECORD, UNKNOWN_TOPIC = 7, 45, 87, 3
APACHE_FOLDER = Path(__file__).parents[1] / "data" / "apache-4.3.1-folder.tar.xz"
CONTROL = 0x20


@pytest.mark.parametrize("version", [3, 9, 11, 12, 13])
def test_a_transaction_from_its_first_batch_to_its_end(tmp_path: Path, version: int) -> None:
    """No transaction would work at all, or each of its batches would be asked about."""
    with deciding(tmp_path) as node, Peer(node.port) as peer:
        parts = {0: part_of(0), 1: part_of(0)}
        assert produce(peer, parts, version=version) == [(0, 0), (0, 0)]
        (asked,) = node.unverified
        assert (asked.transactional_id, asked.version) == (TRANSACTIONAL_ID, version)
        assert (asked.producer_id, asked.producer_epoch) == (PRODUCER, 0)
        assert asked.partitions == [_core.TopicPartition(TOPIC, index) for index in (0, 1)]
        assert produce(peer, {0: part_of(1)}, version=version) == [(0, 1)]
        assert len(node.unverified) == 1
        assert node.core.metrics()["produce.unverified"] == 1
        assert bounds(node.core) == (0, 2, 0, 2)
        (state,) = node.producers()
        assert (state.producer_id, state.last_sequence, state.first_offset) == (PRODUCER, 1, 0)
        assert (state.coordinator_epoch, state.last_timestamp_ms) == (-1, 1000)
        ended = node.ends(coordinator_epoch=3)
        assert (ended.error_code, ended.offset) == (0, 2)
        assert bounds(node.core) == (0, 3, 3, 3)
        (state,) = node.producers()
        assert (state.coordinator_epoch, state.first_offset) == (3, -1)


def test_what_is_aborted_is_told_to_readers(tmp_path: Path) -> None:
    """Readers of what is committed would see what is not, or nothing ever again."""
    with deciding(tmp_path) as node, Peer(node.port) as peer, Peer(node.port) as reader:
        assert produce(peer, {0: part_of(0)}) == [(0, 0)]
        reader.ask_fetch({0: 0}, isolation_level=1, max_wait_ms=20_000)
        eventually(lambda: node.core.metrics()["fetch.parked"] == 1)
        assert node.ends(committed=False).error_code == 0
        (part,) = reader.fetched().responses[0].partitions
        (aborted,) = part.aborted_transactions
        assert (aborted.producer_id, aborted.first_offset) == (PRODUCER, 0)
        assert part.last_stable_offset == 2


def test_each_partition_hears_its_own_answer(tmp_path: Path) -> None:
    """One partition's refusal would be another's, or its records would be there in spite of it."""
    with deciding(tmp_path, partitions=4) as node, Peer(node.port) as peer:
        node.decides = lambda _: [0, INVALID_TXN_STATE, CONCURRENT_TRANSACTIONS]
        parts = {0: part_of(0), 1: part_of(0), 2: part_of(0), 3: batch(), 9: part_of(0)}
        assert produce(peer, parts) == [
            (0, 0),
            (INVALID_TXN_STATE, -1),
            (CONCURRENT_TRANSACTIONS, -1),
            (0, 0),
            (UNKNOWN_TOPIC, -1),
        ]
        assert node.core.partition_offsets(TOPIC, 1).log_end == 0
        node.decides = lambda _: [0, 0]
        assert produce(peer, {index: part_of(0) for index in (0, 1, 2)}) == [(0, 0)] * 3
        assert [len(asked.partitions) for asked in node.unverified] == [3, 2]


def test_a_request_that_breaks_a_rule_is_refused_as_a_whole(tmp_path: Path) -> None:
    """Anybody could write to a transaction that is another's, or one request to two of them."""
    with deciding(tmp_path) as node, Peer(node.port) as peer:
        parts = {0: batch(), 1: part_of(0)}
        refused = [(ID_AUTHORIZATION_FAILED, -1)] * 2
        assert produce(peer, parts, transactional_id=None) == refused
        for other in (part_of(0, producer=PRODUCER + 1), part_of(0, 1)):
            mixed = produce(peer, {0: part_of(0), 1: other})
            assert mixed == [(INVALID_PRODUCER_ID_MAPPING, -1)] * 2
        assert produce(peer, {0: batch()}) == [(0, 0)], "an id alone is nothing"
        assert not node.unverified
        ((code, _),) = produce(peer, {0: part_of(0, control=True)})
        assert code == INVALID_RECORD


def test_who_waits_too_long_is_told_and_forgotten(tmp_path: Path) -> None:
    """A producer would wait for ever, or an answer that comes late would be somebody else's."""
    with deciding(tmp_path) as node, Peer(node.port) as peer:
        node.decides = lambda _: None
        send(peer, {0: batch(), 1: part_of(0)}, timeout_ms=100)
        assert heard(peer) == [(0, 0), (REQUEST_TIMED_OUT, -1)]
        (late,) = node.unverified
        node.core.verified(late.job, [(0, None)])
        node.core.verified(late.job, [(0, None), (0, None), (0, None)])
        send(peer, {1: part_of(0)})
        (_, asked) = eventually(lambda: len(node.unverified) == 2 and node.unverified)
        node.core.verified(late.job, [(0, None)])
        with pytest.raises(_core.CoreError, match="2 answers for 1 partitions"):
            node.core.verified(asked.job, [(0, None), (0, None)])
        node.core.verified(asked.job, [(0, None)])
        assert heard(peer) == [(0, 0)]


def test_a_connection_that_goes_is_forgotten(tmp_path: Path) -> None:
    """The node would end, or never be able to, for whom nobody waits any more."""
    with deciding(tmp_path) as node, Peer(node.port) as other:
        node.decides = lambda _: None
        with Peer(node.port) as peer:
            send(peer, {0: part_of(0)}, timeout_ms=50)
            (asked,) = eventually(lambda: node.unverified)
        eventually(lambda: node.core.metrics()["connection.count"] == 1)
        node.core.verified(asked.job, [(0, None)])
        assert produce(other, {0: batch()}) == [(0, 0)]


def test_a_marker_that_comes_before_the_answer_is_seen(tmp_path: Path) -> None:
    """A batch would be appended to a transaction that ended while its coordinator was asked."""
    with deciding(tmp_path) as node, Peer(node.port) as peer:
        node.decides = lambda _: None
        send(peer, {0: part_of(0)}, version=11)
        (asked,) = eventually(lambda: node.unverified)
        assert node.ends().error_code == 0
        node.core.verified(asked.job, [(0, None)])
        assert heard(peer, 11) == [(INVALID_TXN_STATE, -1)]
        assert bounds(node.core) == (0, 1, 1, 1)


def test_the_next_transactions_batch_may_come_before_the_last_ones_marker(tmp_path: Path) -> None:
    """The next transaction would join the last one: what was aborted would be committed with it."""
    with deciding(tmp_path) as node, Peer(node.port) as peer:
        assert produce(peer, {0: part_of(0)}) == [(0, 0)]
        node.decides = lambda _: None
        send(peer, {0: part_of(0, 1)})
        (_, asked) = eventually(lambda: len(node.unverified) == 2 and node.unverified)
        assert asked.producer_epoch == 1
        assert node.ends(1, committed=False, version=2).error_code == 0
        node.core.verified(asked.job, [(0, None)])
        assert heard(peer) == [(0, 2)]
        assert bounds(node.core) == (0, 3, 2, 3)
        assert node.ends(2, version=2).offset == 3
        (part,) = peer.fetch({0: 0}, isolation_level=1).responses[0].partitions
        assert [aborted.first_offset for aborted in part.aborted_transactions] == [0]


def test_two_connections_of_one_producer_keep_its_order(tmp_path: Path) -> None:
    """Of two batches that are under way the later one could be there, and the earlier one never."""
    with deciding(tmp_path) as node, Peer(node.port) as one, Peer(node.port) as other:
        node.decides = lambda _: None
        send(one, {0: part_of(0)})
        eventually(lambda: len(node.unverified) == 1)
        send(other, {0: part_of(1)})
        (first, second) = eventually(lambda: len(node.unverified) == 2 and node.unverified)
        node.core.verified(second.job, [(0, None)])
        assert heard(other) == [(OUT_OF_ORDER, -1)]
        node.core.verified(first.job, [(0, None)])
        assert heard(one) == [(0, 0)]
        assert produce(other, {0: part_of(1)}) == [(0, 1)]
        assert produce(one, {0: part_of(0)}) == [(0, 0)], "a retry"
        assert bounds(node.core)[3] == 2


def test_an_end_that_is_refused_says_why(tmp_path: Path) -> None:
    """A coordinator would try again for ever what is refused for good."""
    with deciding(tmp_path) as node, Peer(node.port) as peer:
        assert node.ends(5, coordinator_epoch=3).error_code == 0
        assert node.ends(5, coordinator_epoch=2).error_code == COORDINATOR_FENCED
        assert node.ends(4, coordinator_epoch=3).error_code == INVALID_PRODUCER_EPOCH
        assert node.ends(5, coordinator_epoch=3, version=2).error_code == 0, "nothing is open"
        assert node.ends(partition=9).error_code == UNKNOWN_TOPIC
        assert produce(peer, {0: part_of(0, 4)}) == [(INVALID_PRODUCER_EPOCH, -1)]
        assert not node.unverified
        assert produce(peer, {0: part_of(0, 5)}) == [(0, 2)]
        strict = node.ends(5, coordinator_epoch=3, version=2)
        assert strict.error_code == INVALID_PRODUCER_EPOCH
        assert node.ends(6, coordinator_epoch=3, version=2).error_code == 0


def test_an_end_waits_for_the_flush_that_is_owed(tmp_path: Path) -> None:
    """An end would be told that a power cut takes back, or never."""
    with deciding(tmp_path, config={"flush.messages": 1}) as node, Peer(node.port) as peer:
        assert produce(peer, {0: part_of(0)}) == [(0, 0)]
        node.core.set_disk_faults([_core.DiskFault("sync", "0000.log", delay_ms=None)])
        token = 10**6
        ends = _core.Question.EndTransaction(TOPIC, 0, PRODUCER, 0, 0, True, 0)
        assert node.core.ask(token, [ends]) is None

        def answers() -> list[_core.Answer]:
            return [
                answer
                for event in node.events
                if isinstance(event, _core.Event.Answered) and event.token == token
                for answer in event.answers
            ]

        eventually(lambda: node.core.disk_faults_fired() == [1])
        assert bounds(node.core)[1:] == (1, 0, 2)
        assert not answers()
        node.core.set_disk_faults([])
        (answer,) = eventually(answers)
        assert (answer.error_code, answer.offset) == (0, 1)
        assert bounds(node.core)[1:] == (2, 2, 2)


@pytest.mark.parametrize(
    "config",
    [
        {"cleanup.policy": ["compact"]},
        {"compression.type": "zstd"},
        {"max.message.bytes": 0},
        {"message.timestamp.type": "LogAppendTime"},
    ],
)
def test_no_topics_configuration_keeps_a_marker_out(
    tmp_path: Path, config: dict[str, object]
) -> None:
    """A transaction on such a topic could never end, and its readers would wait for ever."""
    with deciding(tmp_path, config=config) as node:
        assert node.ends().error_code == 0
        assert bounds(node.core)[1:] == (1, 1, 1)
        batches = node.core.read(TOPIC, 0, 0, 1 << 20)
        (attributes,) = struct.unpack_from(">h", batches, 21)
        assert attributes & 7 == 0
        assert attributes & CONTROL


def markers(log: bytes) -> list[bytes]:
    """Control batches without what time and place make of them."""
    found = []
    at = 0
    while at + 12 < len(log) and (size := 12 + int.from_bytes(log[at + 8 : at + 12], "big")) > 12:
        whole = log[at : at + size]
        if int.from_bytes(whole[21:23], "big") & CONTROL:
            found.append(whole[8:12] + whole[16:17] + whole[21:27] + whole[43:])
        at += size
    return found


def test_markers_are_apaches(tmp_path: Path) -> None:
    """A broker that takes over the folder would not find the ends of its transactions."""
    with tarfile.open(APACHE_FOLDER) as archive:
        member = archive.extractfile("data/transactions-0/00000000000000000000.log")
        assert member is not None
        apaches = markers(member.read())
    assert len(apaches) == 5
    with deciding(tmp_path) as node:
        for producer, epoch, committed in [
            (7, 1, False),
            (6, 1, True),
            (7, 2, False),
            (6, 2, True),
            (6, 3, True),
        ]:
            assert node.ends(epoch, producer=producer, committed=committed).error_code == 0
        assert markers(node.core.read(TOPIC, 0, 0, 1 << 20)) == apaches


def test_what_was_asked_is_lost_with_the_log(tmp_path: Path) -> None:
    """What one life of a node was told would open a transaction in the next that has ended."""
    with deciding(tmp_path) as node, Peer(node.port) as peer:
        assert produce(peer, {0: part_of(0)}) == [(0, 0)]
        assert node.ends(committed=False).error_code == 0
        assert produce(peer, {1: part_of(0)}) == [(0, 0)]
        node.core.stop(5000, 1)
    with deciding(tmp_path) as again, Peer(again.port) as peer:
        assert produce(peer, {0: part_of(1), 1: part_of(1)}) == [(0, 2), (0, 1)]
        (asked,) = again.unverified
        assert asked.partitions == [_core.TopicPartition(TOPIC, 0)], "the other is open still"
