"""Timers: order, replacement and cancellation."""

from __future__ import annotations

from ottla.decide import Timer
from ottla.node.alarms import Alarms
from ottla.node.deciding import LoopTimers
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


def test_a_timer_that_is_set_on_the_other_clock_is_moved() -> None:
    """If this failed, a member that has a session of real time now would still be expelled by the
    deadline that it had while it was awaited.
    """
    alarms = Alarms(lambda: 0, lambda: 0, lambda at_ms: at_ms)
    fired: list[str] = []
    timers = LoopTimers(alarms)
    for real in (True, False, True):
        timers.set(Timer("session", 10, real), lambda: fired.append("fired"))
        assert (len(alarms._real), len(alarms._steady)) == (int(real), int(not real))
    timers.set(Timer("session", None), lambda: None)
    assert (len(alarms._real), len(alarms._steady)) == (0, 0)


def test_a_clock_that_stands_still_is_not_waited_for() -> None:
    """If this failed, a node whose clock a test has stopped would take turn after turn, or sleep
    through what real time brings.
    """
    steady, real, frozen = [0], [0], [False]

    def until(at_ms: int) -> int | None:
        return None if frozen[0] and at_ms > steady[0] else max(at_ms - steady[0], 0)

    alarms = Alarms(lambda: steady[0], lambda: real[0], until)
    assert alarms.wait_ms() is None
    alarms.set_timer("steady", 50, lambda _: None)
    assert alarms.wait_ms() == 50
    frozen[0] = True
    assert alarms.wait_ms() is None
    alarms.set_timer("real", 70, lambda _: None, real=True)
    assert alarms.wait_ms() == 70
    steady[0] = 50
    assert alarms.wait_ms() == 0, "an advance came by"
    frozen[0], steady[0], real[0] = False, 0, 99
    assert alarms.wait_ms() == 0
