"""Raft's own files under a failing disk, a kill and a power cut, at every step of being written.

quorum-state and snapshots are written as `.tmp`, synced, renamed, and the folder is synced.
Whatever happens between two of these, the node says so or is dead, starts again, and has all that
it ever acknowledged.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

import ottla
from attack.faults import HELD, METADATA_LOG, Fault, core_of, disk_faults, faults_from_the_start
from attack.line import Gone
from attack.partition_client import PartitionClient, client_of
from ottla._core import CoreError
from ottla._core import Node as Core
from ottla.errors import OttlaError
from ottla.node.logs import Logs
from ottla.node.node import Node
from ottla.node.unwritten import NOT_NOW
from ottla.node.world import machine
from ottla.raft.quorum_state import parse_quorum_state
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.create_topics import CreatableTopic, CreateTopicsRequest
from servers import eventually

FOLDER = "__cluster_metadata-0"
STORAGE = 56
STEPS = ("create", "write", "sync", "rename", "sync_dir")
OFTEN = {"metadata.log.max.record.bytes.between.snapshots": 100}
"""A snapshot after each change."""


def at(verb: str, file: str) -> str:
    """Which path a step of writing this file names."""
    return f"/{FOLDER}" if verb == "sync_dir" else f"{file}.tmp"


def epoch(folder: Path) -> int:
    """What quorum-state says."""
    return parse_quorum_state((folder / FOLDER / "quorum-state").read_bytes()).leader_epoch


def has(folder: Path, *names: str) -> None:
    """A start on this folder serves these topics, and leaves nothing unfinished."""
    with ottla.Broker(dir=folder) as broker, client_of(broker) as client:
        assert {client.metadata(name).leader_id for name in names} <= {1}
    assert not list((folder / FOLDER).glob("*.checkpoint.tmp"))


def in_a_thread(call: Callable[[], object]) -> threading.Thread:
    """The call, whose outcome does not count."""

    def run() -> None:
        with suppress(OttlaError, Gone):
            call()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


# ---------------------------------------------------------------- quorum-state
@pytest.mark.parametrize("errno", ["ENOSPC", "EIO"])
@pytest.mark.parametrize("verb", STEPS)
def test_a_start_that_can_not_save_its_epoch_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str, errno: str
) -> None:
    """A node that led in an epoch which is not on disk could lead twice in it."""
    with ottla.Broker(dir=tmp_path) as broker, client_of(broker) as client:
        assert client.create("kept") == [0]
    before = epoch(tmp_path)
    with monkeypatch.context() as patched:
        faults_from_the_start(patched, [Fault(verb, at(verb, "/quorum-state"), errno)])
        with pytest.raises(OttlaError, match=FOLDER) as refused:
            ottla.Broker(dir=tmp_path).start()
    assert "can't be" in str(refused.value)
    assert refused.value.hint
    assert epoch(tmp_path) >= before
    has(tmp_path, "kept")
    assert epoch(tmp_path) > before


@pytest.mark.parametrize("verb", STEPS)
def test_the_power_goes_while_an_epoch_is_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    """What was not synced would count, or what is half written keep the node from starting."""
    with ottla.Broker(dir=tmp_path) as broker, client_of(broker) as client:
        assert client.create("kept") == [0]
        properties = broker._properties
    before = epoch(tmp_path)
    cores: list[Core] = []
    node = Node(properties, world=machine(power_cuts=True))
    with monkeypatch.context() as patched:
        held = Fault(verb, at(verb, "/quorum-state"), delay_ms=HELD)
        faults_from_the_start(patched, [held], cores)
        start = in_a_thread(node.start)
        eventually(lambda: cores and cores[0].disk_faults_fired() == [1], "it is held")
    cut = in_a_thread(node.power_cut)
    eventually(lambda: is_dead(cores[0], tmp_path), "the power is gone")
    cores[0].set_disk_faults([])
    for thread in (start, cut):
        thread.join(30)
        assert not thread.is_alive()
    unfinished = tmp_path / FOLDER / "quorum-state.tmp"
    if verb in ("write", "sync"):
        assert unfinished.read_bytes() == b"", "it was not synced, so it is lost"
    assert epoch(tmp_path) == before + (verb == "sync_dir")
    has(tmp_path, "kept")
    assert epoch(tmp_path) > before


def is_dead(core: Core, folder: Path) -> bool:
    """Whether the core's disk takes nothing more."""
    try:
        core.disk.remove(str(folder / "never there"))
    except CoreError:
        return True
    return False


def test_nothing_is_written_after_a_kill(tmp_path: Path) -> None:
    """A thread of a killed node could still replace quorum-state under the next one."""
    broker = ottla.Broker(dir=tmp_path).start()
    disk = core_of(broker).disk
    path = tmp_path / FOLDER / "quorum-state"
    before = path.read_bytes()
    broker.kill()
    changes: list[Callable[[], object]] = [
        lambda: disk.replace(str(path), b"changed"),
        lambda: disk.rename(str(path), f"{path}.away"),
        lambda: disk.remove(str(path)),
        lambda: disk.make_folder(str(tmp_path / "new")),
    ]
    for change in changes:
        with pytest.raises(CoreError, match="killed"):
            change()
    assert path.read_bytes() == before == disk.read(str(path))
    assert not (tmp_path / "new").exists()
    assert [file.name for file in disk.list(str(path.parent)) if file.name == path.name]


# ---------------------------------------------------------------- snapshots
def snapshots(folder: Path) -> list[Path]:
    """Those of the metadata, oldest first; that of the formatting is not among them."""
    return sorted((folder / FOLDER).glob("*.checkpoint"))[1:]


@pytest.mark.parametrize("errno", ["ENOSPC", "EIO"])
@pytest.mark.parametrize("verb", STEPS)
def test_a_snapshot_that_can_not_be_written_waits(tmp_path: Path, verb: str, errno: str) -> None:
    """The log has all that it would hold: a node that ended by that would end for nothing."""
    with ottla.Broker(dir=tmp_path, config=OFTEN) as broker, client_of(broker) as client:
        with disk_faults(broker, Fault(verb, at(verb, ".checkpoint"), errno)) as fired:
            assert client.create("first") == [0]
            assert client.create("second") == [0]
            eventually(lambda: fired()[0] > 0, "a snapshot is tried")
            waits = "a metadata snapshot has to wait"
            eventually(lambda: any(waits in line.text for line in broker.log), "it is told")
        before = len(snapshots(tmp_path))
        assert client.create("third") == [0]
        eventually(lambda: len(snapshots(tmp_path)) > before, "it is taken")
        assert client.metadata("second").leader_id == 1
    has(tmp_path, "first", "second", "third")


@pytest.mark.parametrize("verb", STEPS)
def test_the_power_goes_while_a_snapshot_is_written(tmp_path: Path, verb: str) -> None:
    """What was acknowledged would go with a snapshot that nobody can read."""
    broker = ottla.Broker(dir=tmp_path, config=OFTEN).start()
    core = core_of(broker)
    with client_of(broker) as client:
        assert client.create("first") == [0]
        held = Fault(verb, at(verb, ".checkpoint"), delay_ms=HELD)
        core.set_disk_faults([held])
        assert client.create("second") == [0]
        eventually(lambda: core.disk_faults_fired() == [1], "it is held")
        assert client.create("third") == [0], "nobody waits for it"
        cut = in_a_thread(broker.power_cut)
        eventually(lambda: is_dead(core, tmp_path), "the power is gone")
        core.set_disk_faults([])
        cut.join(30)
        assert not cut.is_alive()
    has(tmp_path, "first", "second", "third")


def test_nobody_waits_for_a_snapshot(tmp_path: Path) -> None:
    """Each was encoded and synced on the thread that decides: with ten thousand topics no heartbeat
    was answered for a tenth of a second, and with a disk that hangs none at all.
    """
    with ottla.Broker(dir=tmp_path, config=OFTEN) as broker, client_of(broker) as client:
        assert client.create("first") == [0]
        before = len(snapshots(tmp_path))
        held = Fault("sync", at("sync", ".checkpoint"), delay_ms=HELD)
        with disk_faults(broker, held) as fired:
            assert client.create("second") == [0]
            eventually(lambda: fired()[0] > 0, "a snapshot is written")
            for name in ("third", "fourth", "fifth"):
                assert client.create(name) == [0]
                assert client.metadata(name).leader_id == 1
            assert fired() == [1], "one at a time"
            assert len(snapshots(tmp_path)) <= before + 1
        assert client.create("sixth") == [0]
        eventually(lambda: len(snapshots(tmp_path)) > before, "they go on")
    has(tmp_path, "first", "second", "third", "fourth", "fifth", "sixth")


def test_nobody_waits_for_a_snapshot_of_an_earlier_life(tmp_path: Path) -> None:
    """To learn whether it is old enough to go, all of it was read and decoded on the thread that
    decides: with a disk that hangs there no request was answered any more.
    """
    with ottla.Broker(dir=tmp_path, config=OFTEN) as broker, client_of(broker) as client:
        assert client.create("first") == [0]
        eventually(lambda: len(snapshots(tmp_path)) > 0, "one is taken")
    config = {**OFTEN, "metadata.max.retention.ms": 1}
    with ottla.Broker(dir=tmp_path, config=config) as broker, client_of(broker) as client:
        earlier = max((tmp_path / FOLDER).glob("*.checkpoint"))
        with disk_faults(broker, Fault("read", "*.checkpoint", delay_ms=HELD)) as fired:
            for name in ("second", "third", "fourth"):
                assert client.create(name) == [0]
            eventually(lambda: not earlier.exists(), "it goes by its age")
            assert client.metadata("fourth").leader_id == 1
            assert fired() == [0], "a snapshot was read"
    has(tmp_path, "first", "second", "third", "fourth")


# ---------------------------------------------------------------- the log itself
def refused_everywhere(client: PartitionClient) -> None:
    """What would change the cluster is refused by name, and all else is served."""
    topic = CreatableTopic(name="refused", num_partitions=1, replication_factor=1)
    (row,) = client.ask(CreateTopicsRequest(topics=[topic])).topics
    assert row.error_code == STORAGE
    assert row.error_message == NOT_NOW, "where folders are is nobody's business"
    assert client.delete("kept") == STORAGE
    assert client.produce("kept", b"more") == 0
    assert client.metadata("kept").leader_id == 1


@pytest.mark.parametrize("errno", ["ENOSPC", "EIO"])
@pytest.mark.parametrize("short", [False, True])
def test_a_full_disk_under_the_metadata_log_refuses_changes_and_ends_nothing(
    tmp_path: Path, errno: str, short: bool
) -> None:
    """The next record that nobody asked for would end a node that could serve all its records."""
    lines: list[str] = []
    config = {"metadata.max.idle.interval.ms": 50, "broker.heartbeat.interval.ms": 50}
    with ottla.Broker(dir=tmp_path, config=config) as broker, client_of(broker) as client:
        node = broker._running()
        node.logs = Logs(lines.append)
        engine = node._engine
        assert engine is not None
        engine.cluster._controller._logs = node.logs
        assert client.create("kept") == [0]
        full = Fault("write", METADATA_LOG, errno, short=short)
        with disk_faults(broker, full) as fired:
            eventually(lambda: fired()[0] >= 3, "idle records are tried again and again")
            refused_everywhere(client)
            assert client.create("refused") == [STORAGE], "and not: it exists"
        named = [line for line in lines if "is refused until that is mended" in line]
        assert len(named) == 1, lines
        assert client.create("refused") == [0]
        eventually(lambda: any("takes changes" in line for line in lines), "it says so")
        assert client.delete("kept") == 0
    with ottla.Broker(dir=tmp_path) as broker, client_of(broker) as client:
        assert client.create("refused", "kept") == [36, 0]


def test_a_kill_after_a_refusal_loses_nothing(tmp_path: Path) -> None:
    """What was refused may be half on disk: the log would be cut before what came after it."""
    broker = ottla.Broker(dir=tmp_path).start()
    with client_of(broker) as client:
        with disk_faults(broker, Fault("write", METADATA_LOG, "ENOSPC", short=True)):
            assert client.create("refused") == [STORAGE]
        assert client.create("kept") == [0]
    broker.power_cut()
    has(tmp_path, "kept")


def test_a_log_that_can_not_be_cut_back_ends_the_node(tmp_path: Path) -> None:
    """Half a batch would lie between what was acknowledged before and after it."""
    with ottla.Broker(dir=tmp_path) as broker, client_of(broker) as client:
        assert client.create("kept") == [0]
        node = broker._running()
        faults = [
            Fault("write", METADATA_LOG, "EIO", short=True),
            Fault("set_len", METADATA_LOG, "EIO"),
        ]
        with disk_faults(broker, *faults):
            with pytest.raises(OttlaError):
                client.create("half")
            assert node.wait(20)
    has(tmp_path, "kept")


def test_a_change_larger_than_a_segment_is_refused(tmp_path: Path) -> None:
    """One CreateTopics with long configs ended a node whose metadata log has small segments."""
    config = {"metadata.log.segment.bytes": str(8 << 20)}
    throttled = ",".join("100:1" for _ in range(5300))
    configs = {
        f"{side}_replication_throttled_replicas": throttled for side in ("leader", "follower")
    }
    with ottla.Broker(dir=tmp_path, config=config) as broker, client_of(broker) as client:
        names = [f"t{number}" for number in range(140)]
        assert set(client.create(*names, **configs)) == {ErrorCode.UNKNOWN_SERVER_ERROR}
        assert set(client.create(*names[:70], **configs)) == {0}
        broker.kill()
    with ottla.Broker(dir=tmp_path, config=config) as broker, client_of(broker) as client:
        assert client.produce("t0", b"x") == 0
        assert client.produce("t100", b"x") == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
