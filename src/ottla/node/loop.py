"""Turns: what waits is taken and decided, what is due fires, then all of it is made safe.

A turn is: take all requests that wait, decide each, do what other threads wish, fire what is due,
then commit once (one fsync of the metadata log for everything that the turn decided). No
asyncio, no lock, no thread and no clock: whoever drives the loop (see turner.py) calls `turn`, and
never two at a time.

A turn ends: it takes the requests, wishes and timers that were there when it came to them, and what
these bring about meanwhile is the next turn's. So nobody, by whatever timeouts they ask for, keeps
the requests of others from being taken.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from ottla.errors import OttlaError

if TYPE_CHECKING:
    from ottla._core import Event, Node, Request
    from ottla.node.alarms import Alarms

ADVANCE_STEPS_MAX = 10_000
"""So many deadlines `advance` meets exactly; from then on it takes steps of a like number."""
SETTLE_MS = 1_000
"""So long `advance` waits for background work; a disk that takes longer is waited for no more."""


class NodeStopped(OttlaError):
    """The node's decision thread has ended; nothing can be asked of it any more."""


class Turns(Protocol):
    """What the loop drives."""

    def take(self, item: Request | Event) -> None:
        """Decide one thing that the core handed over."""

    def commit(self) -> None:
        """End of a turn: make safe what was decided, let replies go."""


class Loop:
    """One turn after the other, as somebody calls for them."""

    __slots__ = ("_alarms", "_calls", "_core", "_turns", "stopping")

    def __init__(self, core: Node, alarms: Alarms, turns: Turns) -> None:
        self._core = core
        self._alarms = alarms
        self._turns = turns
        self._calls: deque[Callable[[], None]] = deque()
        self.stopping = False
        """Whoever drives it is to call no further turn; also ends an `advance`."""

    def turn(self, *, wait: bool = True) -> None:
        """One turn; with `wait` it begins when there is something to do, if need be never."""
        for item in self._core.next(self._timeout_ms() if wait else 0):
            self._turns.take(item)
        for _ in range(len(self._calls)):
            self._calls.popleft()()
        self._alarms.fire_all()
        self._turns.commit()

    def hand_in(self, wish: Callable[[], None]) -> None:
        """Carry this out in the next turn; from any thread."""
        self._calls.append(wish)
        self._core.wake()

    def at_once(self, wish: Callable[[], None]) -> None:
        """Carry this out now, committed; for whoever may call `turn`."""
        wish()
        self._turns.commit()

    def wait_ms(self) -> int | None:
        """How long no timer comes due, on either clock; None for as long as nobody sets one."""
        return self._alarms.wait_ms()

    def wake(self) -> None:
        """Let a turn that waits begin; from any thread."""
        self._core.wake()

    def advance(self, by_ms: int) -> None:
        """Move the node's clocks forward, firing what comes due in the order of deadlines.

        It ends whatever the timers do: deadlines that lie so close that there are too many of them
        are met a little late, several in one step. For whoever may call `turn`.

        Raises:
            NodeStopped: the loop was stopped on the way.
        """
        target = self._core.steady_ms() + by_ms
        stride_ms = 1 + by_ms // ADVANCE_STEPS_MAX
        steps, at_ms, waits = 0, -1, True
        while (due := self._alarms.next_ms()) is not None and due <= target:
            if self.stopping:
                raise NodeStopped("the node was stopped while its clock moved")
            exact = steps < ADVANCE_STEPS_MAX
            if not exact and at_ms == target:
                break
            steps += 1
            at_ms = due if exact else min(max(due, at_ms + stride_ms), target)
            self._move_to(at_ms)
            self._alarms.fire(at_ms)
            self._turns.commit()
            # What was begun in the background is of this moment, not of one that is ahead.
            waits = waits and self._core.settle(timeout_ms=SETTLE_MS)
        self._move_to(target)

    def _move_to(self, steady_ms: int) -> None:
        ahead = steady_ms - self._core.steady_ms()
        if ahead > 0:
            self._core.advance_clock(ahead)

    def _timeout_ms(self) -> int | None:
        return 0 if self._calls else self.wait_ms()
