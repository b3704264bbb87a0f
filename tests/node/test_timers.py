"""Timers: order, replacement and cancellation."""

from ottla.node.timers import Timers


def test_due_timers_come_out_in_the_order_of_their_deadlines() -> None:
    """A session that should have expired first would otherwise see effects of a later one."""
    timers, fired = Timers(), []
    for at_ms in (30, 10, 20):
        timers.set(at_ms, at_ms, lambda due: fired.append(due))
    while (due := timers.pop_due(25)) is not None:
        due[1](due[0])
    assert fired == [10, 20]
    assert timers.next_ms() == 30


def test_setting_a_key_again_replaces_its_deadline() -> None:
    """A heartbeat must move the session's end, not add a second one."""
    timers = Timers()
    timers.set("session", 10, lambda due: None)
    timers.set("session", 50, lambda due: None)
    assert timers.pop_due(20) is None
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
