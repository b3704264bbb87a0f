"""Who calls for a node's turns: a thread of its own, or somebody by hand.

The thread is the one plain thread that decides, in production and in users' tests: whatever touches
the deciders' state runs there, and other threads hand their wishes in with `call`. By hand is for
who runs a whole node single-threaded, one turn at a time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, TypeVar

from ottla.node.loop import NodeStopped
from ottla.steady import steady_s

if TYPE_CHECKING:
    from ottla.node.loop import Loop

Result = TypeVar("Result")
Failed = Callable[[BaseException], None]

CALL_TIMEOUT_S = 60.0


class Turner(Protocol):
    """Calls for turns until it is told to stop."""

    def start(self, name: str, failed: Failed) -> None:
        """Begin; `failed` hears of what should never happen, after which no turn follows."""

    def call(self, wish: Callable[[], Result]) -> Result:
        """Carry out a wish between two turns, committed, and give back what it returned.

        Raises:
            NodeStopped: no turn follows any more.
        """

    def stop(self, timeout_s: float) -> bool:
        """Let the turn end and none follow; False if it did not within the timeout."""


class DecisionThread:
    """A plain thread that takes turn after turn."""

    __slots__ = ("_loop", "_thread")

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._thread: threading.Thread | None = None

    def start(self, name: str, failed: Failed) -> None:
        """As `Turner` says."""
        loop = self._loop

        def run() -> None:
            try:
                while not loop.stopping:
                    loop.turn()
            except BaseException as problem:
                if not (loop.stopping and isinstance(problem, NodeStopped)):
                    failed(problem)

        self._thread = threading.Thread(target=run, name=name, daemon=True)
        self._thread.start()

    def call(self, wish: Callable[[], Result]) -> Result:
        """As `Turner` says; on the thread itself the turn that goes on commits it."""
        thread = self._thread
        if thread is None or threading.current_thread() is thread:
            return wish()
        done = threading.Event()
        outcome: list[Result] = []
        problems: list[BaseException] = []

        def run() -> None:
            try:
                self._loop.at_once(lambda: outcome.append(wish()))
            except BaseException as problem:
                # The caller hears of it, and so does the node: nobody knows what was done of it.
                problems.append(problem)
                raise
            finally:
                done.set()

        self._loop.hand_in(run)
        deadline = steady_s() + CALL_TIMEOUT_S
        while not done.wait(0.2):
            if not thread.is_alive() and not done.is_set():
                raise NodeStopped("the node has stopped", hint="start a new one")
            if steady_s() > deadline:
                raise NodeStopped("the node's decision thread does not answer")
        if problems:
            raise problems[0]
        return outcome[0]

    def stop(self, timeout_s: float) -> bool:
        """As `Turner` says."""
        self._loop.stopping = True
        thread = self._thread
        if thread is None or thread is threading.current_thread():
            return True
        self._loop.wake()
        thread.join(timeout_s)
        return not thread.is_alive()


class ByHand:
    """No thread: whoever holds it calls `turn`, and everything happens inside of that call."""

    __slots__ = ("_failed", "_loop")

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._failed: Failed | None = None

    def start(self, name: str, failed: Failed) -> None:
        """As `Turner` says."""
        self._failed = failed

    def wait_ms(self) -> int | None:
        """How long no timer comes due; None for as long as nobody sets one."""
        return self._loop.wait_ms()

    def turn(self) -> bool:
        """One turn with what waits now; False if none follows any more."""
        return self._carried_out(lambda: self._loop.turn(wait=False))

    def call(self, wish: Callable[[], Result]) -> Result:
        """As `Turner` says."""
        outcome: list[Result] = []
        if not self._carried_out(lambda: self._loop.at_once(lambda: outcome.append(wish()))):
            raise NodeStopped("the node has stopped", hint="start a new one")
        return outcome[0]

    def stop(self, timeout_s: float) -> bool:
        """As `Turner` says."""
        self._loop.stopping = True
        return True

    def _carried_out(self, what: Callable[[], None]) -> bool:
        if self._loop.stopping:
            return False
        try:
            what()
        except BaseException as problem:
            self._loop.stopping = True
            if self._failed is None:
                raise
            self._failed(problem)
            return False
        return True
