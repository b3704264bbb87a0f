"""How long to wait before something is tried again: longer each time, and not all at once."""

from __future__ import annotations

from collections.abc import Callable

JITTER = 0.2


class Backoff:
    """Doubles from `first_ms` to `most_ms`, a fifth more or less by chance.

    `chance` gives numbers from 0 to 1; without it there is none.
    """

    def __init__(
        self, first_ms: int = 100, most_ms: int = 1000, chance: Callable[[], float] | None = None
    ) -> None:
        self._first_ms = first_ms
        self._most_ms = most_ms
        self._chance = chance
        self.failures = 0

    def next_ms(self) -> int:
        """How long to wait after one more failure."""
        wait_ms = wait_after(self.failures, self._first_ms, self._most_ms)
        self.failures += 1
        if self._chance is None:
            return wait_ms
        return min(int(wait_ms * (1 - JITTER + 2 * JITTER * self._chance())), self._most_ms)

    def reset(self) -> None:
        """It went well."""
        self.failures = 0


def wait_after(failures: int, first_ms: int, most_ms: int) -> int:
    """The wait after so many failures that came before the last one, without chance."""
    return min(first_ms << min(failures, 30), most_ms)
