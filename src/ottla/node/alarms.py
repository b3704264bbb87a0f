"""What the deciding side of a node wants to be woken for, on two of its clocks.

The steady clock is the node's: only tests make it leap, or stop it. Real time is the machine's. An
alarm is set in one of them, and fires in the turn that finds it due; nothing here waits.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

from ottla.node.timers import Action, Timers

PERIOD_MS_MIN = 1
"""A shorter period, or none, would find its timer due in every turn."""


class Alarms:
    """Timers on the node's steady clock and on real time."""

    __slots__ = ("_real", "_steady", "_until_steady_ms", "real_ms", "steady_ms")

    def __init__(
        self,
        steady_ms: Callable[[], int],
        real_ms: Callable[[], int],
        until_steady_ms: Callable[[int], int | None],
    ) -> None:
        self.steady_ms = steady_ms
        self.real_ms = real_ms
        self._steady = Timers()
        self._real = Timers()
        self._until_steady_ms = until_steady_ms
        """How long until the steady clock shows a time; None if it stands still before that."""

    def set_timer(
        self, key: Hashable, at_ms: int | None, action: Action, *, real: bool = False
    ) -> None:
        """Fire `action` at `at_ms`, instead of whatever was set for `key`; None only cancels."""
        (self._real if real else self._steady).set(key, at_ms, action)

    def every(
        self, key: Hashable, period_ms: int, action: Callable[[], Any], *, real: bool = False
    ) -> None:
        """Run `action` once a period, beginning one period from now."""
        period_ms = max(period_ms, PERIOD_MS_MIN)
        now_ms = self.real_ms if real else self.steady_ms

        def fire(due_ms: int) -> None:
            action()
            self.set_timer(key, max(due_ms, now_ms() - period_ms) + period_ms, fire, real=real)

        self.set_timer(key, now_ms() + period_ms, fire, real=real)

    def next_ms(self) -> int | None:
        """The earliest deadline on the steady clock."""
        return self._steady.next_ms()

    def wait_ms(self) -> int | None:
        """How long nothing comes due; None for as long as nobody sets anything."""
        steady_ms, real_ms = self._steady.next_ms(), self._real.next_ms()
        wait_ms = None if steady_ms is None else self._until_steady_ms(steady_ms)
        if real_ms is None:
            return wait_ms
        real_wait_ms = max(real_ms - self.real_ms(), 0)
        return real_wait_ms if wait_ms is None else min(wait_ms, real_wait_ms)

    def fire(self, steady_ms: int) -> None:
        """Fire what is due on the steady clock by then."""
        _fire(self._steady, steady_ms)

    def fire_all(self) -> None:
        """Fire what is due now, on either clock."""
        steady, real = self._steady, self._real
        if (first_ms := steady.next_ms()) is not None and first_ms <= (now_ms := self.steady_ms()):
            _fire(steady, now_ms)
        if (first_ms := real.next_ms()) is not None and first_ms <= (now_ms := self.real_ms()):
            _fire(real, now_ms)


def _fire(timers: Timers, now_ms: int) -> None:
    for at_ms, action in timers.due(now_ms):
        action(at_ms)
