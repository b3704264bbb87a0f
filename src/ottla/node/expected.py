"""What coordinators will soon have: topics being created, partitions being opened.

Whoever asks for one meanwhile waits, a second at most, instead of being told to come again: clients
that are told so come after half a second, or a whole one. Each topic is waited for by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable

    from ottla.node.alarms import Alarms
    from ottla.node.desk import Desk

PATIENCE_MS = 1000


class _Awaited:
    """What is on its way of one topic."""

    __slots__ = ("things", "until_ms", "waiting")

    def __init__(self) -> None:
        self.things: set[Hashable] = set()
        self.until_ms = 0
        """So long, on real time, somebody waits for them."""
        self.waiting: list[tuple[int, Callable[[], None]]] = []
        """Requests by their tokens, and what answers them."""


class Expected:
    """Things of topics on their way, by any names, and the requests that wait until none of their
    topic's is left.
    """

    __slots__ = ("_alarms", "_desk", "_topics")

    def __init__(self, alarms: Alarms, desk: Desk) -> None:
        self._alarms = alarms
        self._desk = desk
        self._topics: dict[str, _Awaited] = {}

    def __contains__(self, thing: Hashable) -> bool:
        """Whether it is on its way, for however long."""
        return any(thing in awaited.things for awaited in self._topics.values())

    def any_of(self, topic: str) -> bool:
        """Whether something of the topic will be there soon."""
        awaited = self._topics.get(topic)
        return (
            awaited is not None
            and bool(awaited.things)
            and self._alarms.real_ms() < awaited.until_ms
        )

    def begin(self, topic: str, things: Iterable[Hashable]) -> None:
        """These are on their way."""
        awaited = self._topics.setdefault(topic, _Awaited())
        before = len(awaited.things)
        awaited.things.update(things)
        if len(awaited.things) > before:
            awaited.until_ms = self._alarms.real_ms() + PATIENCE_MS
            self._alarms.set_timer(
                ("expected", topic), awaited.until_ms, lambda _: self._go_on(topic), real=True
            )

    def end(self, thing: Hashable) -> None:
        """This one is there, or will not be."""
        for topic, awaited in self._topics.items():
            if thing in awaited.things:
                awaited.things.discard(thing)
                self._go_on(topic)

    def once_there(self, topic: str, token: int, then: Callable[[], None]) -> None:
        """Let `then` answer this request when nothing of the topic is on its way any more, or in a
        second; now if that is so.
        """
        if self.any_of(topic):
            self._topics[topic].waiting.append((token, then))
        else:
            then()

    def _go_on(self, topic: str) -> None:
        awaited = self._topics[topic]
        if awaited.waiting and not self.any_of(topic):
            waiting, awaited.waiting = awaited.waiting, []
            for token, then in waiting:
                self._desk.respond(token, lambda: "an answer that waited for a coordinator", then)
