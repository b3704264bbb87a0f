"""A block of producer ids, and who waits for the next one."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from ottla.broker.producer_ids import ProducerIds
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.allocate_producer_ids import AllocateProducerIdsResponse


class World:
    """A controller that answers when it is told to, and what each who asked was given."""

    def __init__(self) -> None:
        self.asked: list[Callable[[Any], None]] = []
        self.fails = False
        self.brokers: dict[int, Any] = {}
        self.told: list[tuple[int, int]] = []
        image: Any = SimpleNamespace(brokers=self.brokers)
        self.ids = ProducerIds(1, self, lambda: image, self.respond)
        self.tokens = 0
        self.broken: set[int] = set()
        """Tokens whose answer can't be made."""
        self.lost: list[int] = []

    def ask(self, message: Any, version: int, then: Callable[[Any], None]) -> None:
        assert (message.broker_id, message.broker_epoch, version) == (1, 7, 0)
        if self.fails:
            raise LookupError("nobody is asked")
        self.asked.append(then)

    def respond(self, token: int, what: Callable[[], str], make: Callable[[], Any]) -> None:
        try:
            told = make()
        except ZeroDivisionError:
            self.lost.append(token)
        else:
            if told is not None:
                self.told.append(told)

    def take(self) -> None:
        self.tokens += 1
        token = self.tokens

        def taken(error: int, producer_id: int) -> tuple[int, int]:
            assert token not in self.broken or 1 / 0
            return error, producer_id

        self.told += [told for told in [self.ids.take(token, taken)] if told is not None]

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


@pytest.mark.parametrize("error", [0, 41])
def test_a_fault_as_one_is_answered_costs_no_other(world: World, error: int) -> None:
    """One bug, once, and all who wait beside that one would wait for ever, or lose the node."""
    world.broken = {1}
    for _ in range(3):
        world.take()
    world.answer(-1 if error else 40, 0 if error else 3, error)
    assert world.lost == [1]
    assert world.told == ([(41, -1)] * 2 if error else [(0, 41), (0, 42)])


def test_who_could_not_ask_keeps_nobody_from_asking(world: World) -> None:
    """One fault, once, and no producer would get an id for the rest of the broker's life: all would
    wait behind one whom nobody answers.
    """
    world.fails = True
    with pytest.raises(LookupError):
        world.take()
    world.fails = False
    known = world.brokers.pop(1)
    world.take()
    assert world.told.pop() == (ErrorCode.COORDINATOR_LOAD_IN_PROGRESS, -1), "come again"
    world.brokers[1] = known
    world.take()
    world.answer(0, 1000)
    assert world.told == [(0, 0)], "and who failed is told nothing"
