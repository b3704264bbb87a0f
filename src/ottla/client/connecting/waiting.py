"""The clock and the chance of a client, and the one place where its threads wait.

It is a monitor: what belongs to a client is touched by the one thread that has entered it, and
whoever waits has left it meanwhile. At most one thread watches the sockets, all of the client's and
a pipe that wakes it; the others sleep until it finds that what they wait for has happened, or until
it leaves and one of them has to watch. Nothing in this package sleeps otherwise.

A test hands in a `Waiting` of its own and counts what would have been waited; a loop of another
kind (asyncio) asks connections for `fileno`, `wants_write` and `deadline_ms` itself and needs none.
"""

from __future__ import annotations

import os
import select
from _thread import RLock, allocate_lock
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from ottla.errors import BrokenInvariant
from ottla.steady import steady_ms

_FOREVER_MS = 3_600_000
"""How long a wait without an end lasts until it is begun again."""


class Watched(Protocol):
    """What one waits for: a connection, as whoever watches it sees it."""

    @property
    def closed(self) -> bool:
        """Whether there is nothing to watch."""

    @property
    def wants_write(self) -> bool:
        """Whether to wait for room to write as well."""

    @property
    def deadline_ms(self) -> int | None:
        """When to call `tick` at the latest."""

    def fileno(self) -> int:
        """The descriptor to wait for; negative if there is only the time."""

    def ready(self, readable: bool, writable: bool) -> None:
        """It has something to read, or room to write."""

    def tick(self) -> None:
        """The time went on; told when a deadline of some connection has come."""


class _Monitor(RLock):  # type: ignore[misc]
    """The interpreter's lock, with what it has for condition variables."""

    if TYPE_CHECKING:

        def _release_save(self) -> Any: ...
        def _acquire_restore(self, state: Any) -> None: ...
        def _at_fork_reinit(self) -> None: ...


class Waiting(_Monitor):  # type: ignore[misc]
    """Time by a clock that never jumps, chance by the system, and waits by poll.

    `with` enters the monitor; a thread that is in may do so again. That is the interpreter's own
    lock, and none of its steps is Python: between two of those a signal's handler may raise, and
    would leave the monitor entered by nobody.
    """

    def __init__(self) -> None:
        self._pipe_lock = RLock()
        self._connections: dict[Watched, None] = {}
        self._watching = self._poked = self._closed = False
        self._is_changed = False
        """Whether there is something that whoever watches does not know of."""
        self._watched_for: Callable[[], bool] | None = None
        """What the thread that watches waits for."""
        self._waiters: list[_Waiter] = []
        self._calls: list[tuple[Callable[[], bool], Callable[[], object]]] = []
        self._pipe: tuple[int, int] | None = None

    def now_ms(self) -> int:
        """The time, of use only against itself."""
        return steady_ms()

    def random(self) -> int:
        """32 bits that nobody can foresee."""
        return int.from_bytes(os.urandom(4))

    # ------------------------------------------------------------ the pipe

    def share(self) -> None:
        """From now on several threads may wait: whoever watches can be woken."""
        if self._pipe is None and not self._closed:
            self._pipe = os.pipe()
            for end in self._pipe:
                os.set_blocking(end, False)

    def let_go(self) -> None:
        """In a process that was forked: nobody of the parent's threads is here, inside or not."""
        self._at_fork_reinit()
        self._pipe_lock = RLock()
        self._watching = False
        self._waiters.clear()
        self._calls.clear()
        self._closed = True
        self._close_pipe()

    def close(self) -> None:
        """Nobody waits any more, or not for long."""
        with self:
            self._closed = True
            self.wake()
            self._close_pipe()

    def _close_pipe(self) -> None:
        if self._watching or self._waiters:
            return  # the last to leave does it
        with self._pipe_lock:  # nobody writes meanwhile: the number may be another file's at once
            pipe, self._pipe = self._pipe, None
            for end in pipe or ():
                os.close(end)

    def wake(self) -> None:
        """Whoever watches looks again at once. Any thread may call it, inside or not."""
        with self._pipe_lock:
            if self._pipe is not None and not self._poked:
                try:
                    self._poked = True
                    os.write(self._pipe[1], b"\0")
                except OSError:
                    pass  # it is full, and so not empty
                except BaseException:
                    self._poked = False  # a signal's: one byte more does no harm, none would
                    raise

    def add(self, connection: Watched) -> None:
        """This connection has a socket: watch it, whoever watches."""
        self._connections[connection] = None
        self._is_changed = True

    def remove(self, connection: Watched) -> None:
        """It has none any more."""
        self._connections.pop(connection, None)
        self._is_changed = True

    def changed(self) -> None:
        """A connection has a nearer deadline, or something to write. By the time that its thread
        waits, whoever watches hears of it.
        """
        self._is_changed = True

    # ------------------------------------------------------------ waiting

    def wait_for(self, done: Callable[[], bool], until_ms: int | None = None) -> None:
        """Wait until `done()`, which is asked inside the monitor, or until that time."""
        with self:
            try:
                while not done() and (until_ms is None or self.now_ms() < until_ms):
                    if self._watching:
                        self._rest(until_ms, done)
                    else:
                        self._watched_for = done
                        self._watch(until_ms)
            finally:
                # Whoever stops watching leaves it to another.
                if self._waiters and not self._watching:
                    self._waiters[0].release()
                if self._closed:
                    self._close_pipe()

    def _rest(self, until_ms: int | None, done: Callable[[], bool]) -> None:
        """Let another thread watch. It is woken if this one has sent something that it must see."""
        waiter = _Waiter(done)
        try:
            self._waiters.append(waiter)
            if self._is_changed:
                self.wake()
            left_ms = _FOREVER_MS if until_ms is None else max(0, until_ms - self.now_ms())
            outside: list[Any] = []
            try:
                outside.extend(map(_Monitor._release_save, (self,)))  # as in `select`
                waiter.rest(min(left_ms, _FOREVER_MS) / 1000)
            finally:
                if outside:
                    self._acquire_restore(outside[0])
        finally:
            # Whatever a signal has raised meanwhile: who rests no more is not to be relied on.
            if waiter in self._waiters:
                self._waiters.remove(waiter)

    def _watch(self, until_ms: int | None) -> None:
        """Let the first thing happen. What arrived is read before the time is told: an answer that
        is there is not late.
        """
        self._is_changed = False
        watched = [one for one in self._connections if not one.closed]
        deadlines = [at for c in watched if (at := c.deadline_ms) is not None]
        due_ms = min(deadlines, default=None)
        if until_ms is not None:
            deadlines.append(until_ms)
        if not deadlines and not watched and self._pipe is None:
            raise BrokenInvariant("a wait for nothing, which would not end")
        timeout_ms = max(0, min(deadlines) - self.now_ms()) if deadlines else None
        self._watching = True
        try:
            found = self.select(watched, timeout_ms)
        finally:
            self._watching = False
        for connection, readable, writable in found:
            if not connection.closed:
                connection.ready(readable, writable)
        if due_ms is not None and self.now_ms() >= due_ms:
            for connection in watched:
                connection.tick()
        self.look()

    def look(self) -> None:
        """Something happened: whoever waited for it goes on."""
        for waiter in self._waiters:
            if _may_go_on(waiter.done):
                waiter.release()
        if self._watching and self._watched_for is not None and _may_go_on(self._watched_for):
            self.wake()
        for call in [call for call in self._calls if call[0]()]:
            self._calls.remove(call)
            call[1]()

    def when(self, done: Callable[[], bool], then: Callable[[], object]) -> Callable[[], None]:
        """Call `then` once, inside the monitor, when `done()`: at once, or when something happens.
        What is returned calls that off.

        It is for who has another place to wait in, an event loop, and a thread that watches here.
        """
        call = (done, then)
        with self:
            self._calls.append(call)
            self.look()

        def call_off() -> None:
            with self:
                if call in self._calls:
                    self._calls.remove(call)

        return call_off

    def select(
        self, connections: Sequence[Watched], timeout_ms: int | None
    ) -> list[tuple[Watched, bool, bool]]:
        """Those that can be read from or written to, within a time; without any, just the time.

        Called inside of the monitor, which is left while time passes.
        """
        poll = select.poll()
        by_fd = {}
        for connection in connections:
            descriptor = connection.fileno()
            if descriptor < 0:
                continue
            by_fd[descriptor] = connection
            wants = select.POLLIN | select.POLLOUT if connection.wants_write else select.POLLIN
            poll.register(descriptor, wants)
        pipe = self._pipe
        if pipe is not None:
            poll.register(pipe[0], select.POLLIN)
        outside: list[Any] = []
        try:
            # One step of the interpreter: no signal comes between leaving and knowing how deep.
            outside.extend(map(_Monitor._release_save, (self,)))
            happened = poll.poll(timeout_ms)
        finally:
            if outside:
                self._acquire_restore(outside[0])
        found = []
        for descriptor, events in happened:
            if pipe is not None and descriptor == pipe[0]:
                # In this order: whoever wakes in between finds it poked, and we look after that.
                # The other way round its byte would be taken with the others, and no wake-up that
                # comes later would write one.
                try:
                    os.read(descriptor, 1 << 12)
                except OSError:
                    pass  # somebody has taken it
                finally:
                    self._poked = False
                continue
            readable = bool(events & ~select.POLLOUT)
            writable = bool(events & ~select.POLLIN)
            found.append((by_fd[descriptor], readable, writable))
        return found


class _Waiter:
    """A thread that rests while another one watches."""

    __slots__ = ("_lock", "done")

    def __init__(self, done: Callable[[], bool]) -> None:
        self.done = done
        self._lock = allocate_lock()
        self._lock.acquire()

    def rest(self, seconds: float) -> None:
        self._lock.acquire(timeout=seconds)

    def release(self) -> None:
        """Let it look again; more than once is once."""
        if self._lock.locked():
            self._lock.release()


def _may_go_on(done: Callable[[], bool]) -> bool:
    """Whether it is worth it to wake who waits for that; what `done` raises is raised there."""
    try:
        return done()
    except Exception:
        return True
