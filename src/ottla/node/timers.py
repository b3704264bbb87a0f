"""Timers as data: who wants to be woken when, in the order of their deadlines.

A timer has a key; setting a key again replaces it, setting it to None forgets it. What is taken out
by one `due` was all set before: a timer that its own action sets again waits for the next `due`,
however early its deadline is, so that a turn ends. Nothing here reads a clock.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
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

    def due(self, now_ms: int) -> Iterator[tuple[int, Action]]:
        """What is due and was set before the first is taken: its deadline and its action.

        One that is cancelled, or set anew, before its turn comes is left out.
        """
        waiting = []
        while (at_ms := self.next_ms()) is not None and at_ms <= now_ms:
            waiting.append(heappop(self._heap))
        for at_ms, sequence, key in waiting:
            entry = self._entries.get(key)
            if entry is not None and entry[1] == sequence:
                del self._entries[key]
                yield at_ms, entry[2]

    def __len__(self) -> int:
        return len(self._entries)
