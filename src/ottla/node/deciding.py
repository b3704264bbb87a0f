"""What this node gives to whoever drives a decider: the time on its clocks, and its timers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ottla.decide import Now

if TYPE_CHECKING:
    from ottla._core import Node as Core
    from ottla.decide import Timer
    from ottla.node.alarms import Alarms


def now_of(core: Core, alarms: Alarms) -> Now:
    """What time it is."""
    return Now(core.now_ms(), core.steady_ms(), alarms.real_ms())


class LoopTimers:
    """The loop's timers, as deciders set them."""

    __slots__ = ("_alarms",)

    def __init__(self, alarms: Alarms) -> None:
        self._alarms = alarms

    def set(self, timer: Timer, fire: Callable[[], None]) -> None:
        """Call `fire` when the timer is due, instead of what was set for its key on either clock;
        None cancels.
        """
        key, at_ms, real = timer

        def due(_at_ms: int) -> None:
            fire()

        self._alarms.set_timer(key, None, due, real=not real)
        self._alarms.set_timer(key, at_ms, due, real=real)
