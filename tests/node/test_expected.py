"""Requests that wait for what will soon be there."""

from __future__ import annotations

from typing import Any

import pytest

from ottla.node.alarms import Alarms
from ottla.node.expected import PATIENCE_MS, Expected


class World:
    """Time by hand, and who was answered."""

    def __init__(self) -> None:
        self.real_ms = 0
        self.answered: list[int] = []
        self.failed: list[int] = []
        self.alarms = Alarms(lambda: 0, lambda: self.real_ms, lambda at_ms: at_ms)
        desk: Any = self
        self.expected = Expected(self.alarms, desk)

    def respond(self, token: int, what: Any, make: Any) -> None:
        try:
            make()
        except ZeroDivisionError:
            self.failed.append(token)

    def ask(self, token: int) -> None:
        self.expected.once_there("t", token, lambda: self.answered.append(token))


@pytest.fixture
def world() -> World:
    return World()


def test_all_that_is_on_its_way_is_waited_for(world: World) -> None:
    """If this failed, a client would be told to come again while its coordinator is being made."""
    world.ask(1)
    assert world.answered == [1]
    world.expected.begin("t", ["topic", 7])
    world.ask(2)
    world.expected.end("topic")
    world.expected.end("another")
    assert ("topic" in world.expected, 7 in world.expected) == (False, True)
    world.ask(3)
    assert world.answered == [1]
    world.expected.end(7)
    assert world.answered == [1, 2, 3]
    assert not world.expected.any_of("t")


def test_nobody_waits_for_long(world: World) -> None:
    """If this failed, a disk that hangs would keep clients without an answer."""
    world.expected.begin("t", ["topic"])
    world.ask(1)
    world.real_ms = PATIENCE_MS - 1
    world.alarms.fire_all()
    world.expected.begin("t", ["topic"])  # no news: nobody waits longer for it
    assert world.answered == []
    world.real_ms = PATIENCE_MS
    world.alarms.fire_all()
    assert world.answered == [1]
    world.ask(2)
    assert world.answered == [1, 2]


def test_a_fault_in_an_answer_is_its_askers(world: World) -> None:
    """If this failed, one request that fails would cost those behind it their answers."""
    world.expected.begin("t", ["topic"])
    world.expected.once_there("t", 1, lambda: 1 // 0)  # type: ignore[arg-type, return-value]
    world.ask(2)
    world.expected.end("topic")
    assert (world.failed, world.answered) == ([1], [2])


def test_each_topic_is_waited_for_by_itself(world: World) -> None:
    """If this failed, who looks for a group would wait for the topic of transactions."""
    world.expected.begin("another", ["another"])
    assert (world.expected.any_of("another"), world.expected.any_of("t")) == (True, False)
    world.ask(1)
    assert world.answered == [1]
    world.expected.begin("t", [7])
    world.ask(2)
    world.expected.end("another")
    assert world.answered == [1]
    world.expected.end(7)
    assert world.answered == [1, 2]
