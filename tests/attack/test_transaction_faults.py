"""Disks that fail, topics that go, records that are deleted and clocks that are set under a
transaction that is open, or about to end.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import ottla
from attack.faults import Fault, core_of, disk_faults
from ottla.wire.errors import ErrorCode
from ottla.wire.messages import delete_records, delete_topics
from servers import eventually
from transacting import UNSTABLE, Producer, Transacting, batch_of

NONE = ErrorCode.NONE
CONFIG = {
    "transaction.state.log.num.partitions": "1",
    "offsets.topic.num.partitions": "1",
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "100",
    "log.retention.check.interval.ms": "100",
}
DAY_MS = 86_400_000
STATE = "__transaction_state-0/*.log"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[ottla.Broker]:
    with ottla.Broker(dir=tmp_path / "data", config=CONFIG) as broker:
        yield broker


@pytest.fixture
def node(broker: ottla.Broker) -> Iterator[Transacting]:
    node = Transacting(broker.port)
    node.create("t", 2, retention_ms="-1")
    yield node
    node.close()


def begun(node: Transacting, key: str = "x", **more: int) -> Producer:
    """A producer with a record in each partition of t."""
    who = node.begin(key, **more)
    for partition in range(2):
        node.write(who, "t", partition, key.encode())
    return who


def both_see(node: Transacting, *values: bytes) -> None:
    """Both partitions of t can be read to their ends and readers see just these."""
    for partition in range(2):
        node.sees("t", partition, *values)


@pytest.mark.parametrize("errno", ["EIO", "ENOSPC"])
@pytest.mark.parametrize("commit", [True, False], ids=["commit", "abort"])
def test_markers_wait_for_a_disk(
    broker: ottla.Broker, node: Transacting, errno: str, commit: bool
) -> None:
    """EndTxn was answered: a partition that could not take its marker then must not go without."""
    who, how = begun(node), "Commit" if commit else "Abort"
    with disk_faults(broker, Fault("write", "t-1/*.log", errno)) as fired:
        told, who = node.end(who, commit=commit)
        assert told == NONE
        eventually(lambda: fired()[0] > 2, "the marker is tried again")
        assert node.state("x").transaction_state == f"Prepare{how}"
        assert node.end_offset("t", 0, committed=True) == 2, "the other partition is marked"
        assert node.end_offset("t", 1, committed=True) == 0, "nothing of it is shown"
    node.until("x", f"Complete{how}")
    both_see(node, *[b"x"] * commit)


@pytest.mark.parametrize("errno", ["EIO", "ENOSPC"])
def test_the_coordinators_disk_fails(broker: ottla.Broker, node: Transacting, errno: str) -> None:
    """What was acknowledged would be lost, or what was refused would count."""
    who = begun(node)
    other = node.begin("y")
    with disk_faults(broker, Fault("write", STATE, errno)) as fired:
        assert node.end(who, commit=True)[0] == ErrorCode.NOT_COORDINATOR
        refused = node.produce(other, "t", {0: batch_of(other, 0, b"y")})[0]
        assert refused.error_code == ErrorCode.NOT_ENOUGH_REPLICAS, refused
        told = node.init("z").error_code
        assert told in (ErrorCode.NOT_COORDINATOR, ErrorCode.COORDINATOR_LOAD_IN_PROGRESS)
        assert fired()[0], "its log was written to"
    assert node.end_offset("t", 0) == 1, "what was refused is not there"
    who = node.finish(who, commit=True)
    node.write(other, "t", 0, b"y")
    node.finish(other, commit=False)
    both_see(node, b"x")


@pytest.mark.parametrize("with_coordinator", [False, True], ids=["alone", "with its coordinator"])
def test_a_log_dir_goes_offline_in_a_transaction(tmp_path: Path, with_coordinator: bool) -> None:
    """A transaction would never end, or be ended without the partition that is away."""
    config = {
        **CONFIG,
        "log.dirs": f"{tmp_path / 'data'},{tmp_path / 'spare'}",
        "metadata.log.dir": str(tmp_path / "spare"),
    }
    with ottla.Broker(config=config) as broker:
        node = Transacting(broker.port)
        if not with_coordinator:
            node.create("first")  # by turns: what comes next lies in the other directory
        node.begin("x")
        node.create("t", 2)
        there = (tmp_path / "data" / "__transaction_state-0").exists()
        assert there == with_coordinator
        lost = 0 if (tmp_path / "data" / "t-0").exists() else 1
        who = begun(node)
        with disk_faults(broker, Fault("sync", f"t-{lost}/*.log", "EIO", times=1)) as fired:
            core_of(broker).flush()
            eventually(lambda: fired()[0], "the directory is offline")
        if with_coordinator:
            assert node.end(who, commit=True)[0] == ErrorCode.NOT_COORDINATOR
        else:
            told, who = node.end(who, commit=True)
            assert told == NONE
            eventually(lambda: node.values("t", 1 - lost) == [b"x"], "the other one is marked")
            assert node.state("x").transaction_state == "PrepareCommit"
        node.close()
    with ottla.Broker(config=config) as broker:
        node = Transacting(broker.port)
        node.ready("x")
        if with_coordinator:
            node.finish(who, commit=True)
        node.until("x", "CompleteCommit")
        both_see(node, b"x")
        node.close()


def test_a_topic_is_deleted_in_a_transaction(node: Transacting) -> None:
    """The transaction could never end, and its id be used no more."""
    node.create("gone")
    who = begun(node)
    node.write(who, "gone", 0, b"x")
    request = delete_topics.DeleteTopicsRequest(topic_names=["gone"], timeout_ms=20_000)
    assert node.line.ask(request, 5).responses[0].error_code == NONE
    node.finish(who, commit=True)
    both_see(node, b"x")


def test_a_topic_is_made_anew_in_a_transaction(node: Transacting) -> None:
    """The marker for what is gone is written where nothing of it is, as by Apache Kafka: it would
    hold that up, or end what others have there.
    """
    node.create("again")
    who = node.begin("x")
    node.write(who, "again", 0, b"old")
    request = delete_topics.DeleteTopicsRequest(topic_names=["again"], timeout_ms=20_000)
    assert node.line.ask(request, 5).responses[0].error_code == NONE
    node.create("again")
    node.finish(who, commit=True)
    other = node.begin("y")
    node.write(other, "again", 0, b"new")
    node.finish(other, commit=True)
    node.sees("again", 0, b"new")
    assert node.end_offset("again", 0) == 3, "that marker, and a record with its own"


@pytest.mark.parametrize("commit", [True, False], ids=["commit", "abort"])
def test_records_are_deleted_under_a_transaction(node: Transacting, commit: bool) -> None:
    """The last stable offset would lie before the log's begin, or the transaction hang."""
    who = begun(node)
    end = node.end_offset("t", 0)
    stable = node.end_offset("t", 0, committed=True)
    assert (stable, end) == (0, 1)
    row = delete_records.DeleteRecordsPartition(partition_index=0, offset=-1)
    topic = delete_records.DeleteRecordsTopic(name="t", partitions=[row])
    request = delete_records.DeleteRecordsRequest(topics=[topic], timeout_ms=20_000)
    answer = node.line.ask(request, 2).topics[0].partitions[0]
    assert (answer.error_code, answer.low_watermark) == (NONE, end)
    assert node.end_offset("t", 0, committed=True) == end, "not below the log's start"
    node.finish(who, commit=commit)
    node.sees("t", 0)
    node.sees("t", 1, *[b"x"] * commit)


def test_retention_passes_over_a_transaction(broker: ottla.Broker, node: Transacting) -> None:
    """What is deleted by age would take the open transaction's begin with it and hang it."""
    node.create("old", 1, retention_ms="1000", segment_bytes="1048576")
    who = node.begin("x", timeout_ms=900_000)
    node.write(who, "old", 0, *[b"a" * 400_000 for _ in range(6)])
    broker.advance(60)
    eventually(lambda: node.end_offset("old", 0, timestamp=-2) == 6, "its begin is gone")
    node.write(who, "old", 0, b"last", at=6)
    assert (node.end_offset("old", 0, committed=True), node.end_offset("old", 0)) == (6, 7)
    node.finish(who, commit=False)
    node.sees("old", 0)
    assert node.end_offset("old", 0) == 8


JUMPS = ([DAY_MS], [-DAY_MS], [3650 * DAY_MS, -7300 * DAY_MS, 3650 * DAY_MS])


@pytest.mark.parametrize("jumps", JUMPS, ids=["forward", "back", "to and fro"])
def test_somebody_sets_the_clock(broker: ottla.Broker, node: Transacting, jumps: list[int]) -> None:
    """A time server's correction would abort every open transaction, or keep those of the dead."""
    who = begun(node, timeout_ms=30_000)
    for by_ms in jumps:
        core_of(broker).jump_wall_clock(by_ms)
        broker.advance(1)
        assert node.state("x").transaction_state == "Ongoing"
    who = node.finish(who, commit=True)
    both_see(node, b"x")
    # Another one is left behind, by a producer that hangs up.
    other = Transacting(broker.port)
    begun(other, "y", timeout_ms=30_000)
    other.close()
    core_of(broker).jump_wall_clock(-DAY_MS)
    eventually(lambda: not _advanced(broker, node, "y"), "it is aborted all the same")
    node.until("y", "CompleteAbort")
    both_see(node, b"x")


def _advanced(broker: ottla.Broker, node: Transacting, key: str) -> bool:
    """Whether it is still open half a minute later."""
    broker.advance(31)
    return node.state(key).transaction_state == "Ongoing"


def test_the_clock_spares_who_is_connected(broker: ottla.Broker, node: Transacting) -> None:
    """A test that moves the clock would abort the transactions of the code under test; one that is
    left behind has to go.
    """
    who = begun(node, timeout_ms=10_000)
    node.commit_offset(who, "g", "t", 5)
    gone = Transacting(broker.port)
    begun(gone, "y", timeout_ms=10_000)
    gone.close()
    eventually(lambda: not _advanced(broker, node, "y"), "who hung up is aborted")
    node.until("y", "CompleteAbort")
    assert node.state("x").transaction_state == "Ongoing"
    assert node.group_offset("g", "t") == UNSTABLE
    node.finish(who, commit=True)
    assert node.group_offset("g", "t") == 5
    both_see(node, b"x")
