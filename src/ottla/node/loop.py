"""The one plain thread that decides: takes what waits, decides it, makes it safe, answers.

A turn is: take all requests that wait, decide each, fire what is due, then commit once (one fsync
of the metadata log for everything that the turn decided). No asyncio, no lock: whatever touches
the deciders' state runs here, and other threads hand their wishes in with `call`.
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
        """Fire `action` at `at_ms`: of the node's clock, or of `real_ms()` for real timers."""
        (self._real if real else self._clock).set(key, at_ms, action)

    def every(
        self, key: Hashable, period_ms: int, action: Callable[[], Any], *, real: bool = False
    ) -> None:
        """Run `action` once a period, beginning one period from now."""

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
        """Move the node's clock forward, firing what comes due in the order of deadlines."""

        def advance() -> None:
            target = self._core.now_ms() + by_ms
            while (due := self._clock.next_ms()) is not None and due <= target:
                ahead = due - self._core.now_ms()
                if ahead > 0:
                    self._core.advance_clock(ahead)
                self._fire(self._clock, due)
                self._turns.commit()
            rest = target - self._core.now_ms()
            if rest > 0:
                self._core.advance_clock(rest)

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
                while self._calls:
                    self._calls.popleft()()
                self._fire(self._clock, self._core.now_ms())
                self._fire(self._real, real_ms())
                self._turns.commit()
        except BaseException as problem:
            if not self._stopping:
                self._failed(problem)

    def _fire(self, timers: Timers, now_ms: int) -> None:
        while (due := timers.pop_due(now_ms)) is not None:
            at_ms, action = due
            action(at_ms)

    def _timeout_ms(self) -> int | None:
        if self._calls:
            return 0
        waits = [
            at_ms - now_ms
            for at_ms, now_ms in (
                (self._clock.next_ms(), self._core.now_ms()),
                (self._real.next_ms(), real_ms()),
            )
            if at_ms is not None
        ]
        return max(min(waits), 0) if waits else None

    def _now(self, real: bool) -> int:
        return real_ms() if real else self._core.now_ms()


def real_ms() -> int:
    """Milliseconds of the machine's monotonic time: what real timers run on."""
    return time.monotonic_ns() // 1_000_000
