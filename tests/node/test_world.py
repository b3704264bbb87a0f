"""A whole node in a world that a test brings: its own entropy, its own time, one turn at a time."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from node.held import held
from ottla.node import membership
from ottla.node.loop import NodeStopped
from ottla.node.registration import heartbeat


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
