"""The quorum's driver on a log in memory: what raft says, elections, commits, crashes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from memory_log import MemoryLog
from ottla.config.broker import BrokerConfig
from ottla.metadata.delta import MetadataDelta
from ottla.node.metadata_loading import MetadataLogError
from ottla.node.quorum import Encoded, MetadataQuorum, encode_records
from ottla.raft.metadata_log import DiskUnwilling
from ottla.raft.quorum import (
    NOTHING,
    Batch,
    Flushed,
    Message,
    NotLeader,
    Quorum,
    QuorumError,
    Ready,
    ReplicaPosition,
)
from ottla.raft.quorum_state import QuorumState
from ottla.raft.snapshots import BOOTSTRAP_SNAPSHOT, SnapshotId, encode_snapshot
from ottla.raft.voters import Endpoints, Voter
from ottla.wire.records import read_batches
from ottla.wire.stored.metadata import (
    BeginTransactionRecord,
    TopicRecord,
)

DIRECTORY = bytes(range(16))
STATIC = {"controller.quorum.voters": "1@localhost:9093"}


def topic(name: str) -> Encoded:
    return encoded(TopicRecord(name=name, topic_id=name.encode().ljust(16, b"\0")))


def encoded(record: Any) -> Encoded:
    return encode_records([(record, 0)])[0]


def opened(
    log: MemoryLog, properties: dict[str, str] | None = None, endpoints: Endpoints = ()
) -> MetadataQuorum:
    config = BrokerConfig(
        {
            "node.id": "1",
            "process.roles": "broker,controller",
            "controller.listener.names": "CONTROLLER",
            **(STATIC if properties is None else properties),
        }
    )
    return MetadataQuorum(
        node_id=1,
        directory_id=DIRECTORY,
        config=config,
        log=log.reopened(),
        now_ms=0,
        say=lambda line: None,
        endpoints=endpoints,
    )


def lead(quorum: MetadataQuorum, now_ms: int) -> MetadataDelta:
    """Win the election, and commit what is in the log."""
    quorum.start(now_ms)
    delta = quorum.commit(now_ms)
    assert delta is not None
    assert quorum.leads is not None
    return delta


def test_each_life_begins_a_new_epoch_with_a_leader_change() -> None:
    """A reused epoch would let two leaders write different records at one offset."""
    log = MemoryLog()
    lead(opened(log), 1)
    lead(opened(log), 2)
    assert log.state == QuorumState(leader_epoch=2, leader_id=1)
    assert [(b.leader_epoch, b.control, b.base_offset) for b, _ in log.batches] == [
        (1, True, 0),
        (2, True, 1),
    ]


def test_an_epoch_in_the_log_is_never_used_again_even_without_its_state_file() -> None:
    """A log copied without quorum-state must not see one epoch twice."""
    log = MemoryLog()
    lead(opened(log), 1)
    log.state = None
    lead(opened(log), 2)
    assert log.batches[-1][0].leader_epoch == 2


def test_records_count_only_after_a_commit() -> None:
    """A reply before the fsync would promise what a crash takes back."""
    log = MemoryLog()
    quorum = opened(log)
    lead(quorum, 1)
    assert quorum.append([topic("a"), topic("b")], 2) == 2
    assert "a" not in quorum.image.topics.by_name
    assert quorum.high_watermark == 1
    delta = quorum.commit(3)
    assert delta is not None
    assert [t.name for t in delta.topics_created()] == ["a", "b"]
    assert (quorum.high_watermark, quorum.image.offset, log.flushed) == (3, 2, 3)
    assert quorum.commit(4) is None


def test_what_is_on_disk_here_counts_when_raft_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """With other voters a reply would promise what a majority does not have, or a second fsync be
    made for nothing when they have it.
    """
    log = MemoryLog()
    quorum = opened(log)
    assert quorum.leads is None
    lead(quorum, 1)
    quorum._quorum._positions[2] = ReplicaPosition(1, 1, 1)
    quorum.append([topic("a")], 2)
    assert quorum.commit(2) is None
    assert log.flushed == 2
    assert not quorum.image.topics.by_name
    said(monkeypatch, Ready(high_watermark=2))
    quorum._step(Flushed(1), 3)  # as a follower's Fetch will
    log.flushed = 0
    delta = quorum.commit(3)
    assert delta is not None
    assert [t.name for t in delta.topics_created()] == ["a"]
    assert log.flushed == 0, "nothing was there to be brought to disk"


def said(monkeypatch: pytest.MonkeyPatch, ready: Ready) -> None:
    """Raft answers the next message with this, whatever it is."""
    step = Quorum.step

    def instead(self: Quorum, message: Message, now_ms: int) -> Ready:
        monkeypatch.undo()
        step(self, message, now_ms)
        return ready

    monkeypatch.setattr(Quorum, "step", instead)


class Refusing(MemoryLog):
    """Takes no batch of records of this many or more."""

    def append(self, batch: Batch) -> int:
        if len(batch.records) >= 3:
            raise DiskUnwilling("no space")
        return super().append(batch)


def withdrawn(quorum: MetadataQuorum) -> None:
    with pytest.raises(DiskUnwilling):
        quorum.append([topic("a"), topic("b"), topic("c")], 5)


def proposed(quorum: MetadataQuorum) -> None:
    quorum.append([topic("d")], 5)


def flushed(quorum: MetadataQuorum) -> None:
    quorum.append([topic("d")], 5)
    quorum.commit(5)


MESSAGES: dict[str, tuple[int, Callable[[MetadataQuorum], object]]] = {
    "Started": (0, lambda quorum: quorum.start(5)),
    "Propose": (0, proposed),
    "Withdrawn": (1, withdrawn),
    "Flushed": (1, flushed),
    "Resign": (0, lambda quorum: quorum.close(5)),
}
"""How each message comes to raft, and how many come before it."""


@pytest.mark.parametrize("name", MESSAGES)
def test_what_raft_says_is_done_whatever_it_was_told(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A vote would be given and not saved, or a record counted and never shown: with other voters
    any message may have any consequence.
    """
    log = Refusing()
    quorum = opened(log)
    lead(quorum, 1)
    quorum.append([topic("a"), topic("b")], 2)
    before, act = MESSAGES[name]
    end = log.end_offset + (name == "Flushed")
    state = QuorumState(leader_epoch=7, voted_id=2)
    told = Batch(end, 7, 5, True, [(b"\0\0\0\2", b"")])
    ready = Ready(save=state, append=(told,), flush=True, high_watermark=3)
    step, heard = Quorum.step, list[str]()

    def instead(self: Quorum, message: Message, now_ms: int) -> Ready:
        heard.append(type(message).__name__)
        if len(heard) <= before:
            return step(self, message, now_ms)
        return ready if len(heard) == before + 1 else NOTHING

    monkeypatch.setattr(Quorum, "step", instead)
    act(quorum)
    assert heard[before] == name
    assert log.state == state
    assert log.batches[-1][0] == told
    assert quorum.high_watermark == 3
    if name == "Resign":
        assert log.closed
    else:
        assert quorum.has_pending
        flushes = log.flushes
        quorum.commit(6)
        assert (log.flushed, log.flushes) == (end + 1, flushes + 1)
        assert set(quorum.image.topics.by_name) == {"a", "b"}


def test_nothing_is_brought_to_disk_that_raft_does_not_want_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An fsync, the dearest thing that a turn does, would be made for nothing."""
    log = MemoryLog()
    quorum = opened(log)
    lead(quorum, 1)
    flushes = log.flushes
    batch = Batch(1, 1, 2, True, [(b"\0\0\0\2", b"")])
    said(monkeypatch, Ready(append=(batch,)))
    quorum.append([topic("a")], 2)
    quorum.commit(2)
    assert log.flushes == flushes


def test_a_crash_loses_what_was_not_committed_and_nothing_else() -> None:
    """Restart must find every committed record and go on after the last one."""
    log = MemoryLog()
    quorum = opened(log)
    lead(quorum, 1)
    quorum.append([topic("kept")], 2)
    quorum.commit(2)
    quorum.append([topic("lost")], 3)
    quorum.abandon()
    again = opened(log)
    lead(again, 4)
    assert set(again.image.topics.by_name) == {"kept"}
    assert again.next_offset == 3


def test_nothing_is_appended_without_leadership() -> None:
    """A follower that appended would write a log of its own."""
    with pytest.raises(NotLeader):
        opened(MemoryLog()).append([topic("a")], 1)


def test_voters_of_the_bootstrap_checkpoint_are_told_to_the_log_once() -> None:
    """Others learn the voters from the log alone; telling twice would be a change of voters."""
    log = MemoryLog()
    voters = {1: Voter(1, DIRECTORY, (("CONTROLLER", "localhost", 9093),))}
    log.files[BOOTSTRAP_SNAPSHOT] = encode_snapshot(
        (), epoch=0, now_ms=0, last_contained_log_timestamp=0, kraft_version=1, voters=voters
    )
    first = opened(log, {})
    lead(first, 1)
    assert first.kraft_version == 1
    kinds = [record.key[3] for record in read_batches(log.batches[0][1])[0].records]
    assert kinds == [2, 5, 6]
    second = opened(log, {})
    lead(second, 2)
    assert [record.key[3] for record in read_batches(log.batches[1][1])[0].records] == [2]
    assert second.describe(5).voters[0].voter == voters[1]


def test_a_voter_that_moved_tells_the_log_its_new_address() -> None:
    """Brokers that learn the leader from the voter set would dial where nobody listens."""
    log = MemoryLog()
    here, there = (("CONTROLLER", "localhost", 9093),), (("CONTROLLER", "localhost", 9193),)
    voters = {1: Voter(1, DIRECTORY, here)}
    log.files[BOOTSTRAP_SNAPSHOT] = encode_snapshot(
        (), epoch=0, now_ms=0, last_contained_log_timestamp=0, kraft_version=1, voters=voters
    )
    lead(opened(log, {}, here), 1)
    lead(opened(log, {}, there), 2)
    lead(opened(log, {}, there), 3)
    assert [len(batch.records) for batch, _ in log.batches] == [3, 3, 1]
    assert opened(log, {}).describe(4).voters[0].voter.endpoints == there


@pytest.mark.parametrize(
    ("properties", "words"),
    [
        ({"controller.quorum.voters": "1@a:1,2@b:2"}, "2 voters"),
        ({"controller.quorum.voters": "2@b:2"}, "no voter"),
        ({}, "nobody"),
    ],
)
def test_quorums_that_are_not_ours_alone_are_refused(
    properties: dict[str, str], words: str
) -> None:
    """Leading a quorum without its other voters would fork the cluster."""
    with pytest.raises(QuorumError, match=words):
        lead(opened(MemoryLog(), properties), 1)


def test_a_voter_on_another_disk_is_refused() -> None:
    """An empty disk under a voter's id would vote for a past that it does not know (KIP-853)."""
    log = MemoryLog()
    log.files[BOOTSTRAP_SNAPSHOT] = encode_snapshot(
        (),
        epoch=0,
        now_ms=0,
        last_contained_log_timestamp=0,
        kraft_version=1,
        voters={1: Voter(1, b"other".ljust(16))},
    )
    with pytest.raises(QuorumError, match="directory"):
        lead(opened(log, {}), 1)


def test_a_log_that_misses_its_beginning_is_refused() -> None:
    """Starting without the records before the log would forget topics silently."""
    log = MemoryLog()
    quorum = opened(log)
    lead(quorum, 1)
    quorum.append([topic("a")], 2)
    quorum.commit(2)
    log.delete_before(SnapshotId(1, 1), lambda _: None)
    with pytest.raises(MetadataLogError, match="no snapshot"):
        opened(log)


def test_a_transaction_without_an_end_is_not_in_the_image() -> None:
    """Half of the bootstrap records would be a cluster of features that never were decided."""
    log = MemoryLog()
    quorum = opened(log)
    lead(quorum, 1)
    quorum.append([encoded(BeginTransactionRecord(name="Bootstrap records")), topic("half")], 2)
    quorum.commit(2)
    assert "half" not in quorum.image.topics.by_name
    again = opened(log)
    lead(again, 3)
    assert again.open_transaction == 1
    assert "half" not in again.image.topics.by_name
