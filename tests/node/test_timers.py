"""Timers: order, replacement and cancellation; and that a turn over them ends."""

from __future__ import annotations

from typing import Any

import pytest

from ottla.decide import Timer
from ottla.node.alarms import Alarms
from ottla.node.deciding import LoopTimers
from ottla.node.loop import ADVANCE_STEPS_MAX, Loop
from ottla.node.timers import Timers


def test_due_timers_come_out_in_the_order_of_their_deadlines() -> None:
    """A session that should have expired first would otherwise see effects of a later one."""
    timers, fired = Timers(), []
    for at_ms in (30, 10, 20):
        timers.set(at_ms, at_ms, lambda due: fired.append(due))
    for at_ms, action in timers.due(25):
        action(at_ms)
    assert fired == [10, 20]
    assert timers.next_ms() == 30


def test_setting_a_key_again_replaces_its_deadline() -> None:
    """A heartbeat must move the session's end, not add a second one."""
    timers = Timers()
    timers.set("session", 10, lambda due: None)
    timers.set("session", 50, lambda due: None)
    assert list(timers.due(20)) == []
    assert timers.next_ms() == 50
    assert len(timers) == 1


def test_none_cancels() -> None:
    """A member that left must not expire later."""
    timers = Timers()
    timers.set("session", 10, lambda due: None)
    timers.set("session", None, lambda due: None)
    assert timers.next_ms() is None


def test_many_replacements_do_not_grow_the_heap() -> None:
    """Heartbeats of a long-lived member must not leak memory."""
    timers = Timers()
    for at_ms in range(10_000):
        timers.set("session", at_ms, lambda due: None)
    assert len(timers._heap) < 1000


def test_a_timer_that_sets_itself_again_waits_for_the_next_turn() -> None:
    """A round of members with a timeout of 0 would keep the node from everything else for ever."""
    timers, fired = Timers(), 0

    def set_again(name: str) -> None:
        def fire(_due: int) -> None:
            nonlocal fired
            fired += 1
            set_again(name)

        timers.set(name, -1, fire)

    for name in "abc":
        set_again(name)
    for turn in range(1, 8):
        for at_ms, action in timers.due(0):
            action(at_ms)
        assert fired == 3 * turn, "what was set meanwhile fired too"


def test_what_an_earlier_action_cancels_does_not_fire() -> None:
    """A member that one timer removed would be removed by its own once more."""
    timers, fired = Timers(), []

    def first(due: int) -> None:
        fired.append(due)
        timers.set("second", None, first)
        timers.set("third", 99, first)

    timers.set("first", 1, first)
    timers.set("second", 2, first)
    timers.set("third", 3, first)
    for at_ms, action in timers.due(10):
        action(at_ms)
    assert fired == [1]
    assert timers.next_ms() == 99


class Core:
    """The clocks and the queue of a node that nobody asks anything; frozen."""

    def __init__(self) -> None:
        self.steady = 0

    def steady_ms(self) -> int:
        return self.steady

    def advance_clock(self, by_ms: int) -> int:
        self.steady += by_ms
        return self.steady

    def wake(self) -> None:
        """Nobody sleeps here."""

    def next(self, _timeout_ms: int | None) -> list[Any]:
        return []


def looped(core: Core, turns: Turns | None = None) -> tuple[Loop, Alarms]:
    """A loop over the core, and what sets its alarms; real time stands still."""
    alarms = Alarms(core.steady_ms, lambda: 0)
    node: Any = core
    return Loop(node, alarms, turns or Turns()), alarms


class Turns:
    """Counts its turns."""

    def __init__(self) -> None:
        self.commits = 0

    def take(self, item: Any) -> None:
        """Nobody asks anything."""

    def commit(self) -> None:
        self.commits += 1


@pytest.fixture
def core() -> Core:
    return Core()


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


def test_a_timer_that_is_set_on_the_other_clock_is_moved() -> None:
    """If this failed, a member that has a session of real time now would still be expelled by the
    deadline that it had while it was awaited.
    """
    alarms = Alarms(lambda: 0, lambda: 0)
    fired: list[str] = []
    timers = LoopTimers(alarms)
    for real in (True, False, True):
        timers.set(Timer("session", 10, real), lambda: fired.append("fired"))
        assert (len(alarms._real), len(alarms._steady)) == (int(real), int(not real))
    timers.set(Timer("session", None), lambda: None)
    assert (len(alarms._real), len(alarms._steady)) == (0, 0)
