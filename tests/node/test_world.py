"""A whole node in a world that a test brings: its own entropy, its own time, one turn at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import ottla
from attack.line import Line
from coordinators.world import Counter
from ottla.node import membership
from ottla.node.cluster import Cluster
from ottla.node.format import ensure_formatted
from ottla.node.loop import Loop, NodeStopped
from ottla.node.membership import ClusterError
from ottla.node.node import Node
from ottla.node.registration import heartbeat
from ottla.node.turner import ByHand
from ottla.node.world import World, machine
from ottla.wire.messages.create_topics import CreatableTopic, CreateTopicsRequest
from servers import eventually

VERSION = 7


class Held:
    """A node that nothing drives but the test."""

    def __init__(self, folder: Path, make_core: Any = None) -> None:
        properties = ottla.Broker(dir=folder)._properties
        ensure_formatted(properties)
        self.real_ms = 0
        self.drivers: list[ByHand] = []
        self.node = Node(
            properties,
            world=World(
                make_core=make_core or machine(power_cuts=True).make_core,
                entropy=Counter(),
                real_ms=lambda: self.real_ms,
                drive=self._drive,
            ),
        )

    def _drive(self, loop: Any) -> ByHand:
        self.drivers.append(ByHand(loop))
        return self.drivers[-1]

    def create(self, name: str) -> Any:
        """The answer to a CreateTopics, after as many turns as it takes."""
        topic = CreatableTopic(name=name, num_partitions=1, replication_factor=1)
        line = Line(self.node.ports["PLAINTEXT"])
        line.send(CreateTopicsRequest(topics=[topic], timeout_ms=1000), VERSION)
        eventually(lambda: self.drivers[0].turn() and line.has_more(0), "there is an answer")
        return line.answer()


@contextmanager
def held(folder: Path, make_core: Any = None) -> Iterator[Held]:
    """A node in the test's own world, which is killed at the end."""
    found = Held(folder, make_core)
    found.node.start()
    try:
        yield found
    finally:
        found.node.kill()


def test_a_node_runs_without_a_thread_that_decides(tmp_path: Path) -> None:
    """A simulator could not choose what happens next: a thread of the node's own would."""
    before = set(threading.enumerate())
    with held(tmp_path) as world:
        assert set(threading.enumerate()) <= before
        assert world.create("t").topics[0].error_code == 0
        assert world.drivers[0].call(lambda: 7) == 7
        world.node.advance(1000)
    with pytest.raises(NodeStopped):
        world.drivers[0].call(lambda: 7)
    assert not world.drivers[0].turn()


def test_identifiers_are_of_the_worlds_entropy(tmp_path: Path) -> None:
    """The same seed would not give the same life."""
    ids = []
    for name in ("first", "second"):
        with held(tmp_path / name) as world:
            ids.append(world.create("t").topics[0].topic_id)
    assert ids[0] == ids[1]


def test_real_timers_follow_the_worlds_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A heartbeat would be sent when the machine's clock says so, and no seed would know when."""
    with held(tmp_path) as world:
        beats: list[Any] = []

        def beat(identity: Any, *args: Any, **told: Any) -> Any:
            beats.append(identity)
            return heartbeat(identity, *args, **told)

        monkeypatch.setattr(membership, "heartbeat", beat)
        for _ in range(5):
            world.drivers[0].turn()
        assert not beats
        world.real_ms += 2000
        world.drivers[0].turn()
        assert len(beats) == 1


def test_a_turn_that_fails_ends_the_node(tmp_path: Path) -> None:
    """A simulated node would go on with half a decision."""
    with held(tmp_path) as world:
        engine = world.node._engine
        assert engine is not None

        def broken(_due_ms: int) -> None:
            raise LookupError("half way")

        engine.alarms.set_timer("broken", 0, broken)
        assert not world.drivers[0].turn()
        assert world.node.wait(0)
        assert "half way" in (world.node.failure or "")


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
        ask_own = Cluster.ask_own

        def ask(cluster: Cluster, message: Any, *rest: Any) -> None:
            self.names.append(type(message).__name__)
            self.asked.append(lambda: ask_own(cluster, message, *rest))

        monkeypatch.setattr(Cluster, "ask_own", ask)


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
