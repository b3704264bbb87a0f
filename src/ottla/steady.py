"""The machine's steady clock, for whoever waits.

A library that freezes time in a test swaps what `time.monotonic` is, in `time` and wherever a
module holds it, and leaves sleeps and sockets as they are: a deadline by that clock never comes. So
time is taken from the system by another of its names, which nobody swaps.
"""

from __future__ import annotations

import time


def steady_ns() -> int:
    """Nanoseconds that only go forward, of use only against themselves."""
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC)


def steady_ms() -> int:
    """The same in milliseconds."""
    return steady_ns() // 1_000_000


def steady_s() -> float:
    """The same in seconds."""
    return steady_ns() / 1_000_000_000
