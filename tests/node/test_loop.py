"""Turns: in which order things are done, that each ends, and what `advance` does on its way."""

from __future__ import annotations

from typing import Any

import pytest

from ottla.node.alarms import Alarms
from ottla.node.loop import ADVANCE_STEPS_MAX, Loop, NodeStopped


class Core:
    """The clocks and the queue of a node, both of which a test fills."""

    def __init__(self) -> None:
        self.steady = 0
        self.queue: list[Any] = []
        self.timeouts: list[int | None] = []
        """How long each turn was ready to wait for the queue."""

    def steady_ms(self) -> int:
        return self.steady

    def settle(self, *, timeout_ms: int) -> bool:
        return True

    def advance_clock(self, by_ms: int) -> int:
        self.steady += by_ms
        return self.steady

    def wake(self) -> None:
        """Nobody sleeps here."""

    def next(self, timeout_ms: int | None) -> list[Any]:
        self.timeouts.append(timeout_ms)
        taken, self.queue = self.queue, []
        return taken


class Turns:
    """What is done, in its order."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def take(self, item: Any) -> None:
        self.done.append(f"take {item}")

    def commit(self) -> None:
        self.done.append("commit")

    @property
    def commits(self) -> int:
        return self.done.count("commit")


def looped(core: Core, turns: Turns | None = None) -> tuple[Loop, Alarms]:
    """A loop over the core, and what sets its alarms; real time stands still."""
    alarms = Alarms(core.steady_ms, lambda: 0, lambda at_ms: max(at_ms - core.steady, 0))
    node: Any = core
    return Loop(node, alarms, turns or Turns()), alarms


@pytest.fixture
def core() -> Core:
    return Core()


def test_a_turn_takes_then_wishes_then_fires_then_commits(core: Core) -> None:
    """A member whose heartbeat lies there would be expelled by the timer that it moves; a reply
    would go out before what it tells is safe.
    """
    turns = Turns()
    loop, alarms = looped(core, turns)
    alarms.set_timer("second", 0, lambda _: turns.done.append("timer 2"))
    alarms.set_timer("first", -1, lambda _: turns.done.append("timer 1"))
    loop.hand_in(lambda: turns.done.append("wish"))
    core.queue += ["a", "b"]
    loop.turn()
    assert turns.done == ["take a", "take b", "wish", "timer 1", "timer 2", "commit"]
    loop.at_once(lambda: turns.done.append("at once"))
    assert turns.done[6:] == ["at once", "commit"]


def test_what_a_turn_brings_about_is_the_next_ones(core: Core) -> None:
    """Requests would wait for as long as somebody's timers and wishes bring about others."""
    turns = Turns()
    loop, alarms = looped(core, turns)

    def begets(_due: int) -> None:
        turns.done.append("timer")
        core.queue.append("late")
        loop.hand_in(lambda: turns.done.append("wish"))
        alarms.set_timer("next", 0, lambda _: turns.done.append("next timer"))

    alarms.set_timer("first", 0, begets)
    loop.turn()
    assert turns.done == ["timer", "commit"]
    loop.turn()
    assert turns.done[2:] == ["take late", "wish", "next timer", "commit"]


def test_a_turn_waits_no_longer_than_there_is_nothing_to_do(core: Core) -> None:
    """A session would end late, or a wish of another thread wait for the next request."""
    loop, alarms = looped(core)
    loop.turn()
    alarms.set_timer("session", 70, lambda _: None)
    loop.turn()
    loop.hand_in(lambda: None)
    loop.turn()
    loop.turn(wait=False)
    assert core.timeouts == [None, 70, 0, 0]


def test_advance_commits_after_each_deadline(core: Core) -> None:
    """What one deadline decided would not be there when the next one is met, and a clock that was
    moved by a day at once would date all of it at the end.
    """
    turns = Turns()
    loop, alarms = looped(core, turns)

    def fire(name: str) -> None:
        turns.done.append(f"{name} at {core.steady}")

    alarms.set_timer("b", 20, lambda _: fire("b"))
    alarms.set_timer("a", 10, lambda _: fire("a"))
    alarms.set_timer("never", 31, lambda _: fire("never"))
    loop.advance(30)
    assert turns.done == ["a at 10", "commit", "b at 20", "commit"]
    assert core.steady == 30
    loop.advance(1)
    assert turns.done[4:] == ["never at 31", "commit"]


def test_advance_ends_with_its_loop(core: Core) -> None:
    """A node that is killed while a test moves its clock would go on to decide."""
    turns = Turns()
    loop, alarms = looped(core, turns)

    def stop(_due: int) -> None:
        loop.stopping = True

    alarms.set_timer("stop", 10, stop)
    alarms.set_timer("later", 20, lambda _: turns.done.append("later"))
    with pytest.raises(NodeStopped):
        loop.advance(30)
    assert (turns.done, core.steady) == (["commit"], 10)


@pytest.mark.parametrize("delay_ms", [-5, 0, 1])
def test_advance_ends(core: Core, delay_ms: int) -> None:
    """`Broker.advance` would never return if some timer is set again for the same moment."""
    turns, fired = Turns(), 0
    loop, alarms = looped(core, turns)

    def again(_due: int) -> None:
        nonlocal fired
        fired += 1
        alarms.set_timer("round", core.steady + delay_ms, again)

    alarms.set_timer("round", 5, again)
    met: list[int] = []
    alarms.set_timer("session", 10_000, met.append)
    loop.advance(30 * 24 * 3_600_000)
    assert core.steady == 30 * 24 * 3_600_000
    assert met == [10_000]
    assert turns.commits == fired <= 2 * ADVANCE_STEPS_MAX + 1


def test_advance_meets_every_deadline_exactly(core: Core) -> None:
    """What happens at a deadline would be dated later than it."""
    loop, alarms = looped(core)
    seen: list[tuple[int, int]] = []
    alarms.every("tick", 700, lambda: seen.append((core.steady, core.steady % 700)))
    loop.advance(7_000_000)
    assert seen == [(700 * n, 0) for n in range(1, 10_001)]


@pytest.mark.parametrize("period_ms", [-(1 << 63), -1, 0])
def test_no_period_is_shorter_than_a_millisecond(core: Core, period_ms: int) -> None:
    """A configuration that asks for none would find its timer due in every turn, without a rest."""
    loop, alarms = looped(core)
    runs = 0

    def run() -> None:
        nonlocal runs
        runs += 1

    alarms.every("tick", period_ms, run)
    loop.advance(100)
    assert runs == 100


def test_a_wish_that_wishes_again_waits_for_the_next_turn(core: Core) -> None:
    """Two threads that call each other's turn would keep the requests from being taken."""
    turns, wishes = Turns(), 0
    loop, _ = looped(core, turns)

    def wish() -> None:
        nonlocal wishes
        wishes += 1
        loop.hand_in(wish)

    loop.hand_in(wish)
    for turn in range(1, 6):
        loop.turn(wait=False)
        assert (wishes, turns.commits) == (turn, turn)
