"""The clock and the chance of a client, and the one place where it waits.

Nothing in this package sleeps: it waits for sockets, for a deadline, or for whichever comes first,
and while it waits for one connection the others that it was given take their turns as well. A test
hands in a `Waiting` of its own and counts what would have been waited; a loop of another kind
(asyncio) asks connections for `fileno`, `wants_write` and `deadline_ms` itself and needs none.
"""

from __future__ import annotations

import os
import selectors
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ottla.errors import BrokenInvariant
from ottla.steady import steady_ms

if TYPE_CHECKING:
    from ottla.client.connection import Connection

READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE


class Waiting:
    """Time by a clock that never jumps, chance by the system, and waits by poll."""

    def now_ms(self) -> int:
        """The time, of use only against itself."""
        return steady_ms()

    def random(self) -> int:
        """32 bits that nobody can foresee."""
        return int.from_bytes(os.urandom(4))

    def select(
        self, connections: Sequence[Connection], timeout_ms: int | None
    ) -> list[tuple[Connection, bool, bool]]:
        """Those that can be read from or written to, within a time; without any, just the time."""
        with selectors.PollSelector() as selector:
            for connection in connections:
                events = READ | WRITE if connection.wants_write else READ
                selector.register(connection, events, connection)
            found = selector.select(None if timeout_ms is None else timeout_ms / 1000)
        return [(key.data, bool(events & READ), bool(events & WRITE)) for key, events in found]

    def turn(self, connections: Sequence[Connection], until_ms: int | None = None) -> None:
        """Wait for the first thing that happens to one of them, or for `until_ms`, and let it.

        What arrived is read before the time is told: an answer that is there is not late.
        """
        watched = [connection for connection in connections if not connection.closed]
        deadlines = [at for c in watched if (at := c.deadline_ms) is not None]
        if until_ms is not None:
            deadlines.append(until_ms)
        if not deadlines and not watched:
            raise BrokenInvariant("a wait for nothing, which would not end")
        timeout_ms = max(0, min(deadlines) - self.now_ms()) if deadlines else None
        for connection, readable, writable in self.select(watched, timeout_ms):
            connection.ready(readable, writable)
        for connection in watched:
            connection.tick()

    def wait_for(
        self,
        connections: Sequence[Connection],
        done: Callable[[], bool],
        until_ms: int | None = None,
    ) -> None:
        """Turn until `done()` or until that time."""
        while not done() and (until_ms is None or self.now_ms() < until_ms):
            self.turn(connections, until_ms)
