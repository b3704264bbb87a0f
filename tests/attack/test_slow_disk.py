"""One partition's disk takes its time; everyone else must not notice.

The disk holds each call until the block of the fault ends: what is answered inside of the block did
not wait for it, however fast or slow this machine is.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

import ottla
from attack.faults import HELD, Fault, core_of, disk_faults, requests_of
from attack.partition_client import PartitionClient, client_of
from ottla.errors import OttlaError
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.api_versions import ApiVersionsRequest
from ottla.wire.messages.describe_log_dirs import DescribeLogDirsRequest
from servers import eventually

ROUNDS = 2
JOIN_S = 60


def go_on(client: PartitionClient, other: str, new: str) -> None:
    """Requests of all kinds of threads: those that serve, and the one that decides."""
    for number in range(ROUNDS):
        assert client.produce(other, b"x") == 0
        assert client.fetch(other).error_code == 0
        client.ask(ApiVersionsRequest(), 0)
        assert client.end_offset(other)[0] == 0
        assert client.metadata(other).leader_id == 1
        assert client.create(f"{new}{number}") == [0]


def ended(threads: list[threading.Thread]) -> None:
    """They end, now that nothing is held."""
    for thread in threads:
        thread.join(JOIN_S)
        assert not thread.is_alive(), "it is held still"


def test_a_slow_sync_is_noticed_by_nobody_else(tmp_path: Path) -> None:
    """While one partition was synced, Produce to another and ApiVersions waited for it."""
    with (
        ottla.Broker(dir=tmp_path) as broker,
        client_of(broker) as client,
        client_of(broker) as other,
    ):
        core = core_of(broker)
        configs = {"segment_bytes": "1048576", "flush_ms": "1", "retention_ms": "-1"}
        assert client.create("slow", "quick", **configs) == [0, 0]
        assert client.produce("slow", b"x") == 0
        with disk_faults(broker, Fault("sync", "/slow-0/*", delay_ms=HELD)) as fired:
            flusher = threading.Thread(target=core.flush)
            flusher.start()
            eventually(lambda: fired()[0] > 0, "the sync began")
            go_on(other, "quick", "first")
            for name in ("roll", "retention", "checkpoint", "deleted", "producers"):
                core.begin(name)
            go_on(other, "quick", "second")
            assert client.produce("slow", b"y") == 0, "nor do its own appends wait"
            assert client.fetch("slow").error_code == 0
            assert client.delete("slow") == 0
            assert flusher.is_alive(), "its sync is held all the while"
        ended([flusher])


def test_a_slow_roll_is_noticed_by_nobody_else(tmp_path: Path) -> None:
    """A new segment has the one before it synced: at once, on the thread that served it."""
    with (
        ottla.Broker(dir=tmp_path) as broker,
        client_of(broker) as client,
        client_of(broker) as other,
    ):
        assert client.create("slow", "quick", segment_bytes="1048576") == [0, 0]
        with disk_faults(broker, Fault("sync", "/slow-0/*", delay_ms=HELD)) as fired:
            for _ in range(10):
                assert client.produce("slow", bytes(300_000)) == 0
            eventually(lambda: fired()[0] > 0, "the flush of the roll began")
            go_on(other, "quick", "new")
            assert client.produce("slow", b"x") == 0
        flusher = threading.Thread(target=core_of(broker).flush)
        flusher.start()
        ended([flusher])


def test_a_slow_checkpoint_is_noticed_by_nobody(tmp_path: Path) -> None:
    """Who makes a topic, and so looks where its folder is to be, would wait for the checkpoints of
    all others.
    """
    with ottla.Broker(dir=tmp_path) as broker, client_of(broker) as client:
        core = core_of(broker)
        assert client.create("quick") == [0]
        assert client.produce("quick", b"x") == 0
        core.flush()
        slow = Fault("sync", "-offset-checkpoint.tmp", delay_ms=HELD, times=1)
        with disk_faults(broker, slow) as fired:
            core.begin("checkpoint")
            eventually(lambda: fired()[0] > 0, "a checkpoint is being written")
            go_on(client, "quick", "made")


def test_a_name_that_slow_checkpoints_know_is_waited_for_by_nobody(tmp_path: Path) -> None:
    """A topic is deleted and made again: what it left in the checkpoints must be gone first, and
    that was written by who decides.
    """
    with ottla.Broker(dir=tmp_path) as broker, client_of(broker) as client:
        core = core_of(broker)
        assert client.create("quick", "again") == [0, 0]
        for topic in ("quick", "again"):
            assert client.produce(topic, b"old") == 0
        core.flush()
        core.begin("checkpoint")
        assert core.settle(timeout_ms=10_000)
        with disk_faults(broker, Fault("sync", "-offset-checkpoint.tmp", delay_ms=HELD)) as fired:
            assert client.delete("again") == 0
            assert client.create("again") == [0]
            assert fired()[0] > 0
            assert client.produce("again", b"x") == ErrorCode.NOT_LEADER_OR_FOLLOWER
            go_on(client, "quick", "made")
        eventually(lambda: client.produce("again", b"new") == 0, "the name is forgotten")
        assert client.end_offset("again") == (0, 1)


def test_who_waits_for_a_partition_keeps_nobody_from_being_served(tmp_path: Path) -> None:
    """While a partition is held by who deletes its old segments, those who ask for it wait in their
    tasks: had they held a thread each, two of them would have been all there are.
    """
    with ottla.Broker(dir=tmp_path) as broker, client_of(broker) as other:
        configs = {"segment_bytes": "1048576", "retention_bytes": "1"}
        assert other.create("slow", "quick", **configs) == [0, 0]
        for _ in range(10):
            assert other.produce("slow", bytes(300_000)) == 0
        codes: list[int] = []

        def ask() -> None:
            with client_of(broker) as client:
                codes.append(client.produce("slow", b"x"))

        askers = [threading.Thread(target=ask) for _ in range(6)]
        fault = Fault("rename", "/slow-0/00000000000000000000.log", delay_ms=HELD, times=1)
        with disk_faults(broker, fault) as fired:
            core_of(broker).begin("retention")
            eventually(lambda: fired()[0] > 0, "the first segment is being renamed")
            before = requests_of(broker, 0)
            for asker in askers:
                asker.start()
            eventually(lambda: requests_of(broker, 0) >= before + len(askers), "all have asked")
            go_on(other, "quick", "new")
            assert not codes, "they wait"
        ended(askers)
        assert codes == [0] * len(askers)


def answered(threads: list[threading.Thread]) -> bool:
    """Whether any of them has its answer."""
    return any(not thread.is_alive() for thread in threads)


@contextmanager
def a_write_that_hangs(broker: ottla.Broker, topic: str) -> Iterator[list[int]]:
    """Inside of the block a record for this topic is being written, and not afterwards."""
    codes: list[int] = []

    def write() -> None:
        with client_of(broker) as client:
            codes.append(client.produce(topic, b"x"))

    writer = threading.Thread(target=write)
    with disk_faults(broker, Fault("write", f"/{topic}-0/*.log", delay_ms=HELD, times=1)) as fired:
        writer.start()
        eventually(lambda: fired()[0] > 0, "the write began")
        yield codes
        assert not codes, "it hangs all the while"
    ended([writer])


def test_who_asks_for_a_partition_whose_write_hangs_waits_alone(tmp_path: Path) -> None:
    """ListOffsets, OffsetForLeaderEpoch and DeleteRecords waited for its lock on the thread that
    decides: no heartbeat, no Metadata and no CreateTopics was answered before the disk.
    """
    with ottla.Broker(dir=tmp_path) as broker, client_of(broker) as other:
        assert other.create("slow", "quick", retention_ms="-1") == [0, 0]
        for topic in ("slow", "quick"):
            assert other.produce(topic, b"first") == 0
        told: dict[str, Any] = {}

        def ask(name: str, what: Callable[[PartitionClient], Any]) -> threading.Thread:
            def run() -> None:
                with client_of(broker) as client:
                    told[name] = what(client)

            thread = threading.Thread(target=run)
            thread.start()
            return thread

        with a_write_that_hangs(broker, "slow"):
            askers = [
                ask("latest", lambda client: client.end_offset("slow")),
                ask("time", lambda client: client.end_offset("slow", timestamp_ms=0)),
                ask("epoch", lambda client: client.epoch_end("slow")),
                ask("cut", lambda client: client.delete_records("slow", 0)),
            ]
            go_on(other, "quick", "first")
            assert other.end_offset("quick", timestamp_ms=0) == (0, 0)
            assert other.delete_records("quick", 0) == 0
            assert other.log_dirs() > 0, "sizes are told as they were"
            for name in ("roll", "retention", "checkpoint", "deleted", "producers"):
                core_of(broker).begin(name)
            go_on(other, "quick", "second")
            assert not answered(askers)
        ended(askers)
        assert told == {"latest": (0, 2), "time": (0, 0), "epoch": 0, "cut": 0}


def test_a_lookup_that_hangs_is_waited_for_by_nobody_else(tmp_path: Path) -> None:
    """A lookup by time reads segments and indexes: on the thread that decides, until now."""
    with ottla.Broker(dir=tmp_path) as broker, client_of(broker) as other:
        assert other.create("slow", "quick") == [0, 0]
        for topic in ("slow", "quick"):
            assert other.produce(topic, b"first") == 0
        told: list[tuple[int, int]] = []

        def ask() -> None:
            with client_of(broker) as client:
                told.append(client.end_offset("slow", timestamp_ms=0))

        asker = threading.Thread(target=ask)
        with disk_faults(broker, Fault("read", "/slow-0/*.log", delay_ms=HELD)) as fired:
            asker.start()
            eventually(lambda: fired()[0] > 0, "the lookup began")
            go_on(other, "quick", "new")
            assert other.end_offset("quick", timestamp_ms=0) == (0, 0)
            assert not told
        ended([asker])
        assert told == [(0, 0)]


def test_a_volume_that_does_not_answer_keeps_nobody_else_waiting(tmp_path: Path) -> None:
    """The thread that decides asked how much room there is: a mount that hangs stopped the node."""
    config = {
        "log.dirs": f"{tmp_path / 'one'},{tmp_path / 'two'}",
        "metadata.log.dir": str(tmp_path / "one"),
    }
    with ottla.Broker(dir=tmp_path, config=config) as broker, client_of(broker) as client:
        assert client.create("slow", "quick") == [0, 0]
        told: list[Any] = []

        def ask() -> None:
            with client_of(broker) as asker:
                told.append(asker.ask(DescribeLogDirsRequest(topics=None)))

        askers = [threading.Thread(target=ask) for _ in range(3)]
        with disk_faults(broker, Fault("space", "/two", delay_ms=HELD)) as fired:
            askers[0].start()
            eventually(lambda: fired()[0] > 0, "the volume is asked")
            for asker in askers[1:]:
                asker.start()
            go_on(client, "quick", "new")
            assert not told
            assert fired() == [1], "nobody waits there but one"
        ended(askers)
        assert [len(answer.results) for answer in told] == [2, 2, 2]
        assert all(row.total_bytes > 0 for answer in told for row in answer.results)
        with disk_faults(broker, Fault("space", "/two", "EIO")):
            one, two = client.ask(DescribeLogDirsRequest(topics=None)).results
        assert (one.error_code, two.error_code) == (0, ErrorCode.KAFKA_STORAGE_ERROR)
        assert one.total_bytes > 0 > two.total_bytes


def test_a_fetch_is_over_in_its_time_whatever_hangs(tmp_path: Path) -> None:
    """A Fetch that named a partition whose write hung waited for it past its max_wait, with the
    records of all others in hand.
    """
    with ottla.Broker(dir=tmp_path) as broker, client_of(broker) as client:
        assert client.create("many", partitions=3) == [0]
        for partition in range(3):
            assert client.produce("many", b"first", partition) == 0
        with a_write_that_hangs(broker, "many"):
            for max_wait_ms in (0, 200):
                for min_bytes in (0, 1, 1 << 20):
                    rows = client.fetch_all("many", 3, max_wait_ms, min_bytes)
                    assert rows[0].error_code == ErrorCode.KAFKA_STORAGE_ERROR
                    assert [row.error_code for row in rows[1:]] == [0, 0]
                    assert all(row.records for row in rows[1:])
        rows = client.fetch_all("many", 3, 0, 0)
        assert [row.error_code for row in rows] == [0, 0, 0]


@pytest.mark.parametrize("acks", [-1, 1])
def test_a_produce_is_over_in_its_time_whatever_hangs(tmp_path: Path, acks: int) -> None:
    """A Produce with several partitions waited without end for the one whose write hung, and the
    producer did not hear that the others had its records.
    """
    with ottla.Broker(dir=tmp_path) as broker, client_of(broker) as client:
        assert client.create("many", partitions=3) == [0]
        with a_write_that_hangs(broker, "many"):
            for timeout_ms in (0, 200):
                codes = client.produce_all("many", 3, timeout_ms, acks)
                assert codes == [ErrorCode.REQUEST_TIMED_OUT, 0, 0]
        assert client.produce_all("many", 3, 0, acks) == [0, 0, 0]
        assert [client.end_offset("many", partition)[1] for partition in range(3)] == [2, 3, 3]


def test_an_end_does_not_wait_for_a_write_that_hangs(tmp_path: Path) -> None:
    """A kill, or a power cut in a test, waited for the lock of every partition. The folder stays
    taken until the write is over: it might land in the middle of what a next node writes.
    """
    broker = ottla.Broker(dir=tmp_path).start()
    with client_of(broker) as client:
        assert client.create("slow") == [0]
        assert client.produce("slow", b"first") == 0
    core = core_of(broker)
    core.set_disk_faults([Fault("write", "/slow-0/*.log", delay_ms=HELD)])

    def write() -> None:
        with suppress(OttlaError, OSError), client_of(broker) as client:
            client.produce("slow", b"x")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        eventually(lambda: core.disk_faults_fired()[0] > 0, "the write began")
        killer = threading.Thread(target=broker.kill)
        killer.start()
        ended([killer])
        with pytest.raises(OttlaError, match="in use"):
            ottla.Broker(dir=tmp_path).start()
    finally:
        core.set_disk_faults([])
    ended([writer])
    eventually(lambda: starts(tmp_path), "the folder is free")


def starts(folder: Path) -> bool:
    """Whether a node starts there, and has the record that was acknowledged."""
    try:
        with ottla.Broker(dir=folder) as broker, client_of(broker) as client:
            assert client.end_offset("slow") == (0, 1)
    except OttlaError:
        return False
    return True


def test_a_directory_that_hangs_keeps_no_other_ones_partitions_offline(tmp_path: Path) -> None:
    """One at a time was tried again in the whole node: a disk that never answered kept all others'
    partitions offline for good.
    """
    config = {
        "log.dirs": f"{tmp_path / 'one'},{tmp_path / 'two'}",
        "metadata.log.dir": str(tmp_path / "two"),
    }
    failing = [
        Fault("create", "/one/*-0", "EIO", times=1),
        Fault("create", "/two/*-0", "EIO", times=3),
    ]
    hanging = Fault("create", "/one/*-0", delay_ms=HELD)
    with (
        ottla.Broker(dir=tmp_path, config=config) as broker,
        client_of(broker) as client,
        disk_faults(broker, *failing, hanging) as fired,
    ):
        assert client.create("first") == [0]
        assert client.create("second") == [0]
        eventually(lambda: fired()[2] > 0, "the first one's directory hangs")
        eventually(lambda: client.produce("second", b"x") == 0, "the second is open")
        assert client.produce("first", b"x") == ErrorCode.KAFKA_STORAGE_ERROR
