"""Looks at a broker, one after the other, until one shows what is wanted or the time is over.

A look is a few requests and no more than is left of the time: a broker that does not answer ends
the wait as one does that answers otherwise. The first may take a second, whatever the time is: a
look with no time at all is one. Nobody's library that freezes a test's time stops this one.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from ottla.errors import OttlaError
from ottla.steady import steady_s

if TYPE_CHECKING:
    from ottla.client.client import Client

POLL_SECONDS = 0.01
FIRST_LOOK_SECONDS = 1.0
LOOK_SECONDS_MAX = 30.0


class Seen(NamedTuple):
    """What came of it: whether it is so (None: it never will be), and why the last look saw
    nothing.
    """

    there: bool | None
    problem: OttlaError | None


def until(client: Client, look: Callable[[], bool | None], timeout: float) -> Seen:
    """Look until it is so, never will be (None), or the time is over.

    Raises:
        OttlaError: it can't be looked at, now or later.
    """
    deadline = steady_s() + timeout
    patience = max(timeout, FIRST_LOOK_SECONDS)
    while True:
        client.timeout_ms = max(1, round(1000 * min(patience, LOOK_SECONDS_MAX)))
        there: bool | None = False
        problem = None
        try:
            there = client.attempt(look)
        except OttlaError as error:
            if not _passes(error):
                raise
            problem = error
        left = deadline - steady_s()
        if there is not False or left <= 0:
            return Seen(there, problem)
        time.sleep(min(POLL_SECONDS, left))
        patience = left


def blocks_a_loop() -> bool:
    """Whether this very thread should be running a loop's coroutines."""
    asyncio = sys.modules.get("asyncio")
    return asyncio is not None and asyncio._get_running_loop() is not None


def _passes(error: OttlaError) -> bool:
    from ottla.client.errors import BrokerError, ConnectionFailed, TimedOut, Unreachable

    if isinstance(error, BrokerError):
        return error.retriable
    return isinstance(error, ConnectionFailed | TimedOut | Unreachable)
