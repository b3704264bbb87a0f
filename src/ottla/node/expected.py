"""What coordinators will soon have: topics that are being made, partitions that are being opened.

Whoever asks for one meanwhile waits, a second at most, instead of being told to come again: clients
that are told so come after half a second, or a whole one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable

    from ottla.node.alarms import Alarms
    from ottla.node.desk import Desk

PATIENCE_MS = 1000


class Expected:
    """Things on their way, by any names, and the requests that wait until none is left."""

    __slots__ = ("_alarms", "_desk", "_things", "_until_ms", "_waiting")

    def __init__(self, alarms: Alarms, desk: Desk) -> None:
        self._alarms = alarms
        self._desk = desk
        self._things: set[Hashable] = set()
        self._until_ms = 0
        """So long, on real time, somebody waits for them."""
        self._waiting: list[tuple[int, Callable[[], None]]] = []
        """Requests by their tokens, and what answers them."""

    def __contains__(self, thing: Hashable) -> bool:
        return thing in self._things

    def any(self) -> bool:
        """Whether something will be there soon."""
        return bool(self._things) and self._alarms.real_ms() < self._until_ms

    def begin(self, things: Iterable[Hashable]) -> None:
        """These are on their way."""
        before = len(self._things)
        self._things.update(things)
        if len(self._things) > before:
            self._until_ms = self._alarms.real_ms() + PATIENCE_MS
            self._alarms.set_timer("expected", self._until_ms, lambda _: self._go_on(), real=True)

    def end(self, thing: Hashable) -> None:
        """This one is there, or will not be."""
        if thing in self._things:
            self._things.discard(thing)
            self._go_on()

    def once_there(self, token: int, then: Callable[[], None]) -> None:
        """Let `then` answer this request when nothing is on its way any more, or in a second; now
        if that is so.
        """
        if self.any():
            self._waiting.append((token, then))
        else:
            then()

    def _go_on(self) -> None:
        if self._waiting and not self.any():
            waiting, self._waiting = self._waiting, []
            for token, then in waiting:
                self._desk.respond(token, lambda: "an answer that waited for a coordinator", then)
