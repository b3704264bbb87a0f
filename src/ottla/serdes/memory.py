"""What a client has learnt from a registry: bounded, and some of it only for a while.

The least lately used goes first. Safe for threads; two that miss at once may both ask.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any, TypeVar

T = TypeVar("T")


class Memory:
    """Values by key, `entries_max` of them, each for `seconds` (None: for ever)."""

    def __init__(
        self,
        entries_max: int,
        seconds: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._entries_max = entries_max
        self._seconds = seconds
        self._clock = clock
        self._lock = Lock()
        self._kept: OrderedDict[Hashable, tuple[float, Any]] = OrderedDict()

    def get(self, key: Hashable, ask: Callable[[], T]) -> T:
        """What is known under a key; else what `ask` gives, which is kept. Its errors are not."""
        now = self._clock()
        with self._lock:
            found = self._kept.get(key)
            if found is not None and (self._seconds is None or now < found[0] + self._seconds):
                self._kept.move_to_end(key)
                known: T = found[1]
                return known
        value = ask()
        self.put(key, value)
        return value

    def put(self, key: Hashable, value: Any) -> None:
        """Keep a value."""
        if self._entries_max <= 0 or self._seconds == 0:
            return
        now = self._clock()
        with self._lock:
            self._kept[key] = (now, value)
            self._kept.move_to_end(key)
            while len(self._kept) > self._entries_max:
                self._kept.popitem(last=False)

    def forget(self, matches: Callable[[Any], bool] = lambda _: True) -> None:
        """Let go of all values whose key matches."""
        with self._lock:
            for key in [key for key in self._kept if matches(key)]:
                del self._kept[key]
