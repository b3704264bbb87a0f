"""What a node does with what the core brings, and in which order: a start, commits, faults.

The nodes are whole, and take a turn when the test says so.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from attack.line import Line
from node.held import VERSION, Held, held
from ottla._core import DiskFault, Event
from ottla.metadata.image import UNASSIGNED_DIRECTORY
from ottla.node.cluster import Cluster
from ottla.node.engine import Engine, NodeFailed
from ottla.node.loop import Loop
from ottla.node.membership import ClusterError
from ottla.node.world import machine
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.create_topics import CreatableTopic, CreateTopicsRequest
from ottla.wire.records import Record, build_batch
from servers import eventually


def engine_of(world: Held) -> Engine:
    """All that decides in it."""
    engine = world.node._engine
    assert engine is not None
    return engine


def two_directories(folder: Path, holder: str = "two") -> dict[str, str]:
    """Of which the second holds the metadata log."""
    return {
        "log.dirs": f"{folder / 'one'},{folder / 'two'}",
        "metadata.log.dir": str(folder / holder),
    }


# ---------------------------------------------------------------------- commits
def test_what_a_commit_brings_about_is_safe_in_the_same_turn(tmp_path: Path) -> None:
    """With one commit a turn, the places of new partitions would be told a turn later, or, where
    nothing else happens, never.
    """
    with held(tmp_path, config=two_directories(tmp_path)) as world:
        engine = engine_of(world)
        topics = [CreatableTopic(name="t", num_partitions=4, replication_factor=1)]
        line = Line(world.node.ports["PLAINTEXT"])
        line.send(CreateTopicsRequest(topics=topics, timeout_ms=1000), VERSION)
        image = engine.context.image

        def is_there() -> bool:
            assert world.drivers[0].turn()
            return "t" in engine.context.image.topics.by_name

        eventually(is_there, "the topic is there")
        assert engine.context.image is not image
        partitions = engine.context.image.topics.by_name["t"].partitions
        places = [partition.directories for partition in partitions]
        assert (UNASSIGNED_DIRECTORY,) not in places
        assert len(set(places)) == 2
        line.close()


def test_a_turn_commits_twice_and_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each commit is a sync of the metadata log where something was decided: what follows from the
    second one is the next turn's, or a turn would not end.
    """
    with held(tmp_path) as world:
        order: list[str] = []

        def note(name: str) -> None:
            then = getattr(Cluster, name)

            def noted(*given: Any) -> Any:
                order.append(name)
                return then(*given)

            monkeypatch.setattr(Cluster, name, noted)

        for name in ("commit", "answer", "go_on"):
            note(name)
        assert world.drivers[0].turn()
        assert order == ["commit", "answer", "go_on"], "nothing was decided"
        order.clear()
        monkeypatch.setattr(Cluster, "is_behind", True)
        assert world.drivers[0].turn()
        assert order == ["commit", "answer", "go_on", "commit", "answer"]


# ---------------------------------------------------------------------- what the core brings
def test_the_directory_of_the_metadata_log_is_known_by_any_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node that does not see that its metadata log's disk failed would go on to decide; one that
    looks for it on that disk may hang.
    """
    with held(tmp_path, config=two_directories(tmp_path)):
        pass
    (tmp_path / "link").symlink_to(tmp_path / "two")
    with held(tmp_path, config=two_directories(tmp_path, "link")) as world:
        engine = engine_of(world)
        looked_at: list[str] = []
        with monkeypatch.context() as patched:
            patched.setattr(os.path, "realpath", looked_at.append)
            engine.take(Event.LogDirFailed(0, "a sync failed"))
            with pytest.raises(NodeFailed) as caught:
                engine.take(Event.LogDirFailed(1, "a sync failed"))
        assert engine.context.directories.failed == {0, 1}
        assert "two, which holds the metadata log, failed: a sync failed" in str(caught.value)
        assert not looked_at


def test_a_failed_sync_ends_the_node_of_its_metadata_log(tmp_path: Path) -> None:
    """The same by a disk that fails."""
    with held(tmp_path, config=two_directories(tmp_path)) as world:
        for name in ("a", "b"):  # one in each directory
            assert world.create(name).topics[0].error_code == 0
        core = world.node._core
        assert core is not None
        batch = build_batch([Record(b"k", b"v", offset=0, timestamp_ms=1)])
        assert {path.parent.name for path in tmp_path.glob("*/[ab]-0")} == {"one", "two"}
        core.set_disk_faults([DiskFault("sync", "/two/*-0/*.log", "EIO")])
        for name in ("a", "b"):
            core.append(name, 0, batch)
        core.flush()
        eventually(lambda: not world.drivers[0].turn(), "the node ends")
        assert "which holds the metadata log" in (world.node.failure or "")


def test_a_poisoned_core_ends_the_node(tmp_path: Path) -> None:
    """It would be asked further questions, and requests would wait for answers."""
    with held(tmp_path) as world:
        engine = engine_of(world)
        with pytest.raises(NodeFailed, match="a panic"):
            engine.take(Event.Poisoned("a panic"))


# ---------------------------------------------------------------------- the start
class Counted:
    """A core, and how many partitions it was told of."""

    def __init__(self, core: Any) -> None:
        self._core = core
        self.placed = 0

    def place(self, states: Any) -> None:
        self.placed += len(states)
        self._core.place(states)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._core, name)


def test_a_start_places_each_partition_once(tmp_path: Path) -> None:
    """A restart among thousands of partitions would do for each of them three times what is the
    same for a client: lead, be fenced, lead again.
    """
    with held(tmp_path) as world:
        for name in ("a", "b"):
            world.create(name)
    cores: list[Counted] = []

    def make_core(*given: Any) -> Any:
        cores.append(Counted(machine(power_cuts=True).make_core(*given)))
        return cores[-1]

    with held(tmp_path, make_core):
        assert cores[0].placed == 2


class Far:
    """The controller of a node, as if it were in another: what the node asks itself lies here."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[Any] = []
        self.names: list[str] = []
        """The requests asked so far, in order."""
        cluster_ask = Cluster.ask

        def ask(cluster: Cluster, message: Any, *rest: Any) -> None:
            self.names.append(type(message).__name__)
            self.asked.append(lambda: cluster_ask(cluster, message, *rest))

        monkeypatch.setattr(Cluster, "ask", ask)


def each_turn(monkeypatch: pytest.MonkeyPatch, before: Callable[[], None]) -> None:
    """Do something before each turn, which waits for nothing."""
    turn = Loop.turn

    def then_turn(loop: Loop, *, wait: bool = True) -> None:
        before()
        turn(loop, wait=False)

    monkeypatch.setattr(Loop, "turn", then_turn)


def test_a_start_takes_turns_until_its_answers_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node whose controller is another one could not start."""
    far = Far(monkeypatch)
    turns = 0

    def late() -> None:
        nonlocal turns
        turns += 1
        if turns % 3 == 0 and far.asked:
            far.asked.pop(0)()

    each_turn(monkeypatch, late)
    world = Held(tmp_path)
    world.node.start()
    assert far.names == [
        "ControllerRegistrationRequest",
        "BrokerRegistrationRequest",
        "BrokerHeartbeatRequest",
    ], "one after the other"
    assert turns >= 9
    assert not world.node.unready()
    far.asked.clear()

    def time_passes() -> None:
        world.real_ms += 1

    each_turn(monkeypatch, time_passes)
    world.node.stop(50)  # nobody lets it go, and it ends all the same
    assert world.node.wait(0)


def test_a_controller_that_stays_silent_ends_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A start would hang without a word while the cluster has no controller."""
    far = Far(monkeypatch)
    world = Held(tmp_path)

    def time_passes() -> None:
        world.real_ms += 15_001

    each_turn(monkeypatch, time_passes)
    with pytest.raises(ClusterError, match=r"has not let in node 1 within 60000 ms"):
        world.node.start()
    assert len(far.asked) == 1
    assert world.node.wait(0)


def test_a_heartbeat_that_waits_when_leadership_changes_ends_nobody(tmp_path: Path) -> None:
    """An election of a controller would end every node that had just sent its heartbeat."""
    with held(tmp_path) as world:
        engine: Any = world.node._engine
        membership = engine.membership
        membership.directory_lost(b"?" * 16)  # which it tells at once
        engine.cluster._leads(None)
        assert membership._refusal == ErrorCode.NOT_CONTROLLER
        world.drivers[0].turn()  # it leads again
        assert [row.error_code for row in world.create("later").topics] == [0]
        world.real_ms += 2_000
        world.drivers[0].turn()
        assert (membership._refusal, membership._asking) == (0, False), "it is heard again"
