"""One partition's disk takes its time; everyone else must not notice.

The disk holds each call until the block of the fault ends: what is answered inside of the block did
not wait for it, however fast or slow this machine is.
"""

from __future__ import annotations

import threading
from pathlib import Path

import ottla
from attack.faults import HELD, Fault, core_of, disk_faults
from attack.partition_client import PartitionClient, client_of
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.api_versions import ApiVersionsRequest
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


def asked(broker: ottla.Broker) -> float:
    """How many Produce requests have come in, answered or not."""
    return core_of(broker).metrics().get("request.count.0", 0)


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
            for name in ("flush", "retention", "checkpoint", "deleted", "producers"):
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
            before = asked(broker)
            for asker in askers:
                asker.start()
            eventually(lambda: asked(broker) >= before + len(askers), "all have asked")
            go_on(other, "quick", "new")
            assert not codes, "they wait"
        ended(askers)
        assert codes == [0] * len(askers)
