"""Timers as data: who wants to be woken when, in the order of their deadlines.

A timer has a key; setting a key again replaces it, setting it to None forgets it. Nothing here
reads a clock.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from heapq import heapify, heappop, heappush

Action = Callable[[int], None]
"""What a due timer does; it gets the time that it was due at, in ms."""


class Timers:
    """A heap with lazy deletion; `due` takes out what has come due, oldest deadline first."""

    __slots__ = ("_entries", "_heap", "_sequence")

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Hashable]] = []
        self._entries: dict[Hashable, tuple[int, int, Action]] = {}
        self._sequence = 0

    def set(self, key: Hashable, at_ms: int | None, action: Action) -> None:
        """Fire `action` once at `at_ms`, instead of whatever was set for `key`; None only
        cancels.
        """
        if at_ms is None:
            self._entries.pop(key, None)
            return
        self._sequence += 1
        self._entries[key] = (at_ms, self._sequence, action)
        heappush(self._heap, (at_ms, self._sequence, key))
        if len(self._heap) > 64 + 2 * len(self._entries):
            self._heap = [(at, seq, key) for key, (at, seq, _) in self._entries.items()]
            heapify(self._heap)

    def next_ms(self) -> int | None:
        """The earliest deadline, or None."""
        while self._heap:
            at_ms, sequence, key = self._heap[0]
            entry = self._entries.get(key)
            if entry is not None and entry[1] == sequence:
                return at_ms
            heappop(self._heap)
        return None

    def pop_due(self, now_ms: int) -> tuple[int, Action] | None:
        """The earliest timer if it is due, with its deadline; it is forgotten."""
        at_ms = self.next_ms()
        if at_ms is None or at_ms > now_ms:
            return None
        _, _, key = heappop(self._heap)
        return at_ms, self._entries.pop(key)[2]

    def __len__(self) -> int:
        return len(self._entries)
