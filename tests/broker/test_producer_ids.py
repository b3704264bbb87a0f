"""A block of producer ids, and who waits for the next one."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from ottla.broker.producer_ids import ProducerIds
from ottla.wire.messages.allocate_producer_ids import AllocateProducerIdsResponse


class World:
    """A controller that answers when it is told to, and what each who asked was given."""

    def __init__(self) -> None:
        self.asked: list[Callable[[Any], None]] = []
        self.fails = False
        self.brokers: dict[int, Any] = {}
        self.told: list[tuple[int, int]] = []
        image: Any = SimpleNamespace(brokers=self.brokers)
        self.ids = ProducerIds(1, self, lambda: image)

    def ask(self, message: Any, version: int, then: Callable[[Any], None]) -> None:
        assert (message.broker_id, message.broker_epoch, version) == (1, 7, 0)
        if self.fails:
            raise LookupError("nobody is asked")
        self.asked.append(then)

    def take(self) -> None:
        self.ids.take(lambda error, producer_id: self.told.append((error, producer_id)))

    def answer(self, start: int, length: int, error: int = 0) -> None:
        response = AllocateProducerIdsResponse(
            error_code=error, producer_id_start=start, producer_id_len=length
        )
        self.asked.pop(0)(response)


@pytest.fixture
def world() -> World:
    """A broker that is registered."""
    found = World()
    found.brokers[1] = SimpleNamespace(epoch=7)
    return found


def test_a_block_is_asked_for_once(world: World) -> None:
    """A thousand producers that come together would use up a thousand blocks."""
    for _ in range(3):
        world.take()
    assert (len(world.asked), world.told) == (1, [])
    world.answer(40, 2)
    assert world.told == [(0, 40), (0, 41)]
    world.answer(90, 2)
    world.take()
    assert world.told[2:] == [(0, 90), (0, 91)]
    assert not world.asked


def test_a_refusal_is_told_to_all_who_wait(world: World) -> None:
    """Producers would wait for a block that does not come."""
    for _ in range(2):
        world.take()
    world.answer(-1, 0, error=41)
    assert world.told == [(41, -1)] * 2


def test_who_could_not_ask_keeps_nobody_from_asking(world: World) -> None:
    """One fault, once, and no producer would get an id for the rest of the broker's life: all would
    wait behind one whom nobody answers.
    """
    world.fails = True
    with pytest.raises(LookupError):
        world.take()
    world.fails = False
    known = world.brokers.pop(1)
    with pytest.raises(KeyError):
        world.take()
    world.brokers[1] = known
    world.take()
    world.answer(0, 1000)
    assert world.told == [(0, 0)], "and who failed is told nothing"
