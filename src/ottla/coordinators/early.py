"""What is asked of a partition that will soon be led here, or loaded, and waits for that.

It waits a second at most, behind those that wait for the same partition already and no longer than
they do: so nobody waits for the whole of a long load, nor for another partition's. Time comes in as
an argument.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from ottla.decide import Ask

EARLY_MS_MAX: Final = 1000
"""How long one may wait, on real time."""
EARLY_MAX: Final = 1000
"""How many may."""


class _Waits(NamedTuple):
    until_ms: int
    partition: int
    ask: Ask


class Early:
    """The requests to one topic's partitions that wait, as they came."""

    __slots__ = ("_expects", "waits")

    def __init__(self, expects: Callable[[], bool]) -> None:
        self._expects = expects
        """Whether partitions of the topic will be there soon."""
        self.waits: list[_Waits] = []

    def take(self, partition: int, ask: Ask, real_ms: int) -> bool:
        """Let it wait, if its partition, which is not loaded, is on its way."""
        if len(self.waits) >= EARLY_MAX:
            return False
        others = (one.until_ms for one in self.waits if one.partition == partition)
        until_ms = next(others, None)
        if until_ms is None:
            if not self._expects():
                return False
            until_ms = real_ms + EARLY_MS_MAX
        self.waits.append(_Waits(until_ms, partition, ask))
        return True

    def first_ms(self) -> int | None:
        """When the first has waited for long enough."""
        return min((one.until_ms for one in self.waits), default=None)

    def ready(self, loading: Mapping[int, bool], real_ms: int) -> list[tuple[int, Ask]]:
        """Take out what waits no more: its partition is loaded (`loading` has those that are led
        here), or nothing is on its way, or time is up.
        """
        expects, waits = self._expects(), self.waits
        ready: list[tuple[int, Ask]] = []
        self.waits = []
        for one in waits:
            if loading.get(one.partition, expects) and real_ms < one.until_ms:
                self.waits.append(one)
            else:
                ready.append((one.partition, one.ask))
        return ready
