"""How fast something grows, from how much of it there was at looks before.

Kafka keeps samples of 30 seconds for its rates; here each look at the metrics is one.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Final

WINDOW_S: Final = 30.0
"""What is older is of no use, as soon as there is something newer that is as old."""


class Rates:
    """Rates of numbers that only grow, by name; from any thread."""

    __slots__ = ("_began_s", "_lock", "_marks", "_now_s")

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._began_s = now_s()
        self._marks: dict[str, deque[tuple[float, float]]] = {}
        self._lock = threading.Lock()

    def of(self, name: str, total: float, *, since_look: bool = False) -> float:
        """How much came a second, lately; `since_look`: of what did not begin at nothing when the
        process began, and counts from the first look on.
        """
        now_s = self._now_s()
        with self._lock:
            first = (now_s, total) if since_look else (self._began_s, 0.0)
            marks = self._marks.setdefault(name, deque([first]))
            while len(marks) > 1 and now_s - marks[1][0] >= WINDOW_S:
                marks.popleft()
            if now_s > marks[-1][0]:
                marks.append((now_s, total))
            since_s, before = marks[0]
        return (total - before) / (now_s - since_s) if now_s > since_s else 0.0
