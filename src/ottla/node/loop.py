"""The one plain thread that decides: takes what waits, decides it, makes it safe, answers.

A turn is: take all requests that wait, decide each, fire what is due, then commit once (one fsync
of the metadata log for everything that the turn decided). No asyncio, no lock: whatever touches
the deciders' state runs here, and other threads hand their wishes in with `call`.

A turn ends: it takes the requests, wishes and timers that were there when it came to them, and what
these bring about meanwhile is the next turn's. So nobody, by whatever timeouts they ask for, keeps
the requests of others from being taken.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from ottla.errors import OttlaError
from ottla.node.timers import Action, Timers

if TYPE_CHECKING:
    from ottla._core import Event, Node, Request

Result = TypeVar("Result")

CALL_TIMEOUT_S = 60.0

PERIOD_MS_MIN = 1
"""A shorter period, or none, would find its timer due in every turn."""

ADVANCE_STEPS_MAX = 10_000
"""So many deadlines `advance` meets exactly; from then on it takes steps of a like number."""


class NodeStopped(OttlaError):
    """The node's decision thread has ended; nothing can be asked of it any more."""


class Turns(Protocol):
    """What the loop drives."""

    def take(self, item: Request | Event) -> None:
        """Decide one thing that the core handed over."""

    def commit(self) -> None:
        """End of a turn: make safe what was decided, let replies go."""


class Loop:
    """Runs turns until it is told to stop."""

    __slots__ = ("_calls", "_clock", "_core", "_failed", "_real", "_stopping", "_thread", "_turns")

    def __init__(self, core: Node) -> None:
        self._core = core
        self._turns: Turns
        self._clock = Timers()
        self._real = Timers()
        self._calls: deque[Callable[[], None]] = deque()
        self._stopping = False
        self._failed: Callable[[BaseException], None]
        self._thread: threading.Thread | None = None

    def start(self, turns: Turns, failed: Callable[[BaseException], None], name: str) -> None:
        """Begin to decide, on a thread of its own; `failed` hears of what should never happen."""
        self._turns = turns
        self._failed = failed
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def set_timer(
        self, key: Hashable, at_ms: int | None, action: Action, *, real: bool = False
    ) -> None:
        """Fire `action` at `at_ms`: of the node's steady clock, or of `real_ms()` if `real`."""
        (self._real if real else self._clock).set(key, at_ms, action)

    def every(
        self, key: Hashable, period_ms: int, action: Callable[[], Any], *, real: bool = False
    ) -> None:
        """Run `action` once a period, beginning one period from now."""
        period_ms = max(period_ms, PERIOD_MS_MIN)

        def fire(due_ms: int) -> None:
            action()
            self.set_timer(
                key, max(due_ms, self._now(real) - period_ms) + period_ms, fire, real=real
            )

        self.set_timer(key, self._now(real) + period_ms, fire, real=real)

    def call(self, wish: Callable[[], Result]) -> Result:
        """Run `wish` on the decision thread, its turn committed, and give back what it returned.

        Raises:
            NodeStopped: the thread has ended or ends before it gets there.
        """
        if self._thread is None or threading.current_thread() is self._thread:
            return wish()
        done = threading.Event()
        outcome: list[Result] = []
        problems: list[BaseException] = []

        def run() -> None:
            try:
                outcome.append(wish())
                self._turns.commit()
            except BaseException as problem:
                # The caller hears of it, and so does the node: nobody knows what was done of it.
                problems.append(problem)
                raise
            finally:
                done.set()

        self._calls.append(run)
        self._core.wake()
        deadline = time.monotonic() + CALL_TIMEOUT_S
        while not done.wait(0.2):
            if not self._thread.is_alive() and not done.is_set():
                raise NodeStopped("the node has stopped", hint="start a new one")
            if time.monotonic() > deadline:
                raise NodeStopped("the node's decision thread does not answer")
        if problems:
            raise problems[0]
        return outcome[0]

    def advance(self, by_ms: int) -> None:
        """Move the node's clocks forward, firing what comes due in the order of deadlines.

        It ends whatever the timers do: deadlines that lie so close that there are too many of them
        are met a little late, several in one step.
        """

        def advance() -> None:
            target = self._core.steady_ms() + by_ms
            stride_ms = 1 + by_ms // ADVANCE_STEPS_MAX
            steps, at_ms = 0, -1
            while (due := self._clock.next_ms()) is not None and due <= target:
                if self._stopping:
                    raise NodeStopped("the node was stopped while its clock moved")
                exact = steps < ADVANCE_STEPS_MAX
                if not exact and at_ms == target:
                    break
                steps += 1
                at_ms = due if exact else min(max(due, at_ms + stride_ms), target)
                self._move_to(at_ms)
                self._fire(self._clock, at_ms)
                self._turns.commit()
            self._move_to(target)

        self.call(advance)

    def stop(self, timeout_s: float) -> bool:
        """Let the turn end and the thread with it; False if it did not within the timeout."""
        self._stopping = True
        thread = self._thread
        if thread is None or thread is threading.current_thread():
            return True
        self._core.wake()
        thread.join(timeout_s)
        return not thread.is_alive()

    def _run(self) -> None:
        try:
            while not self._stopping:
                for item in self._core.next(self._timeout_ms()):
                    self._turns.take(item)
                for _ in range(len(self._calls)):
                    self._calls.popleft()()
                self._fire(self._clock, self._core.steady_ms())
                self._fire(self._real, real_ms())
                self._turns.commit()
        except BaseException as problem:
            if not (self._stopping and isinstance(problem, NodeStopped)):
                self._failed(problem)

    def _move_to(self, steady_ms: int) -> None:
        ahead = steady_ms - self._core.steady_ms()
        if ahead > 0:
            self._core.advance_clock(ahead)

    def _fire(self, timers: Timers, now_ms: int) -> None:
        for at_ms, action in timers.due(now_ms):
            action(at_ms)

    def _timeout_ms(self) -> int | None:
        if self._calls:
            return 0
        waits = [
            at_ms - now_ms
            for at_ms, now_ms in (
                (self._clock.next_ms(), self._core.steady_ms()),
                (self._real.next_ms(), real_ms()),
            )
            if at_ms is not None
        ]
        return max(min(waits), 0) if waits else None

    def _now(self, real: bool) -> int:
        return real_ms() if real else self._core.steady_ms()


def real_ms() -> int:
    """Milliseconds of the machine's monotonic time: what real timers run on."""
    return time.monotonic_ns() // 1_000_000
