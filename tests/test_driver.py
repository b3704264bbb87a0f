"""What a driver promises to whoever asks, with a decider that answers what the test says."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import pytest

from ottla.decide import NOTHING, Ask, Decision, Now, Record, Reply, Timer
from ottla.driver import Driver
from ottla.errors import BrokenInvariant
from ottla.wire.errors import ErrorCode

NOW = Now(0, 0, 0)
RECORD = Record(b"k", b"v")


class Scripted:
    """Decides what it is asked: the body of a request is its decision."""

    def loaded(self, image: Any, now: Now) -> Decision:
        return NOTHING

    def decide(self, ask: Ask, now: Now) -> Decision:
        decision: Decision = ask.body
        return decision

    def fire(self, key: Hashable, now: Now) -> Decision:
        return NOTHING

    def on_image(self, delta: Any, now: Now) -> Decision:
        return NOTHING

    def apply(self, records: Sequence[Record], now: Now) -> None:
        """Keeps nothing."""


class Counted(Driver):
    """A log of nothing but its length; its desk notes who heard what."""

    __slots__ = ("end", "heard", "then")

    def __init__(self) -> None:
        super().__init__("d", Scripted(), desk=self, refuse=lambda ask, error: error, timers=self)
        self.end = 0
        self.heard: list[tuple[int, Any]] = []
        self.then: Callable[[int], None] = lambda token: None

    def take(self, records: Sequence[Record], now: Now) -> None:
        self.end += len(records)

    def end_offset(self) -> int:
        return self.end

    def due(self, key: Hashable) -> None:
        """No timer is set here."""

    def note(self, line: str) -> None:
        """Nobody reads it."""

    def set(self, timer: Timer, fire: Callable[[], None]) -> None:
        """No timer is set here."""

    def connected(self, connection: int) -> bool:
        return True

    def internal(self, then: Callable[[Any], None]) -> int:
        return -1

    def respond(self, token: int, what: Callable[[], str], make: Callable[[], Any]) -> None:
        self.reply(token, make())

    def reply(self, token: int, response: Any) -> None:
        self.heard.append((token, response))
        self.then(token)

    def asked(self, token: int, *, records: int = 0, as_decided: bool = False) -> None:
        """A request that is answered when its records are safe."""
        body = Decision([RECORD] * records, [Reply(token, "done")])
        self.ask(Ask(token, body, 0, "User:alice", as_decided=as_decided), NOW)


@pytest.mark.parametrize("as_decided", [False, True])
def test_a_second_answer_is_a_broken_invariant(as_decided: bool) -> None:
    """A decider that answers twice would go unnoticed, or fail in words that say nothing."""
    driver = Counted()
    twice = Decision([RECORD], [Reply(1, "once"), Reply(1, "twice")])
    driver.ask(Ask(1, twice, 0, "User:alice", as_decided=as_decided), NOW)
    with pytest.raises(BrokenInvariant, match="d answered request 1 twice"):
        driver.release(1, lambda first, end: True)
    assert driver.heard == [(1, "once")]


@pytest.mark.parametrize("as_decided", [False, True])
def test_an_answer_that_lays_its_decider_down(as_decided: bool) -> None:
    """Who comes after it would be answered twice, or never."""
    driver = Counted()
    for token in (1, 2, 3):
        driver.asked(token, records=1, as_decided=as_decided)
    driver.then = lambda token: driver.resign(ErrorCode.NOT_CONTROLLER) if token == 1 else None
    driver.release(3, lambda first, end: True)
    lost = ErrorCode.NOT_CONTROLLER
    assert driver.heard == [(1, "done"), (2, lost), (3, lost)]
    assert not driver.held
    assert not driver.asks


def test_who_waits_for_more_holds_up_nobody_else() -> None:
    """A heartbeat would wait until the partitions of somebody's topic are open; or the predicate
    would be asked for those whom it does not concern.
    """
    driver = Counted()
    driver.asked(1, records=2, as_decided=True)
    driver.asked(2, as_decided=True)
    driver.asked(3, records=1)
    driver.asked(4, records=1, as_decided=True)
    asked: list[tuple[int, int]] = []

    def not_yet(first: int, end: int) -> bool:
        asked.append((first, end))
        return False

    assert driver.release(3, not_yet) == 2
    assert [token for token, _ in driver.heard] == [2, 3]
    assert asked == [(0, 2)], "what is not safe yet need not be asked for"
    assert driver.release(4, lambda first, end: first == 3) == 1
    assert driver.release(4, lambda first, end: True) == 1
    assert [token for token, _ in driver.heard] == [2, 3, 4, 1]


def test_what_is_answered_while_replies_go_waits_for_the_next_call() -> None:
    """A client whose every answer asks again would keep a turn from ending."""
    driver = Counted()
    driver.asked(1)
    driver.then = lambda token: driver.asked(token + 1)
    assert driver.release(0) == 1
    assert driver.release(0) == 1
    assert [token for token, _ in driver.heard] == [1, 2]
