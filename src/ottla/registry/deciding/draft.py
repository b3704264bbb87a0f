"""What one request comes to where it changes several things: each step sees those before it.

The steps are taken on a copy of the state, which is made when a step must see another: so nothing
is written halfway, and ids and versions that a step gives are taken for the next. A part of a
request can be taken back as a whole.
"""

from __future__ import annotations

from collections.abc import Iterable

from ottla.registry.languages import Reading
from ottla.registry.state import State
from ottla.registry.stored import Entry, encoded


class Draft:
    """Records that are going to be written, in order, and the state as it would be then."""

    def __init__(self, state: State, reading: Reading) -> None:
        self._state = state
        self._reading = reading
        self._copy: tuple[State, Reading] | None = None
        self._entries: list[Entry] = []
        self._seen = 0
        """So many of the entries are in the copy."""

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All that was taken."""
        return tuple(self._entries)

    @property
    def state(self) -> State:
        """What all that was taken comes to."""
        if not self._entries:
            return self._state
        if self._copy is None:
            state = self._state.copy()
            self._copy = state, Reading(state)
            self._seen = 0
        for key, value in self._entries[self._seen :]:
            self._copy[0].apply(encoded(key), encoded(value), -1)
        self._seen = len(self._entries)
        return self._copy[0]

    @property
    def reading(self) -> Reading:
        """Reads schemas by that state."""
        state = self.state
        return self._reading if state is self._state or self._copy is None else self._copy[1]

    def take(self, entries: Iterable[Entry]) -> None:
        """Add records."""
        self._entries += entries

    @property
    def mark(self) -> int:
        """Where it is now, for `back_to`."""
        return len(self._entries)

    def back_to(self, mark: int) -> None:
        """Forget what was taken since."""
        if mark < self._seen:
            self._copy = None
        del self._entries[mark:]
