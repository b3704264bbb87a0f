"""A broker's calls and its clock's, awaited."""

from __future__ import annotations

import asyncio
import inspect
import threading

import pytest

import ottla
from ottla.testing.aio import Aio, AioClock
from ottla.testing.clock import Clock

WAITS_FOR_NOTHING = {"client_config"}


def calls(kind: type) -> set[str]:
    """The names of a class's public methods."""
    found = inspect.getmembers(kind, inspect.isfunction)
    return {name for name, _ in found if not name.startswith("_")}


@pytest.mark.parametrize(("kind", "awaited"), [(ottla.Broker, Aio), (Clock, AioClock)])
def test_every_call_can_be_awaited(kind: type, awaited: type) -> None:
    """If this failed, a call would be there for some tests only."""
    assert calls(awaited) == calls(kind) - WAITS_FOR_NOTHING
    for name in calls(awaited):
        one, same = getattr(awaited, name), getattr(kind, name)
        assert inspect.iscoroutinefunction(one)
        assert one.__doc__ in (same.__doc__, f"As `{kind.__name__}.{name}`.")
        taken = [inspect.signature(call).parameters for call in (one, same)]
        assert taken[0].keys() in (taken[1].keys(), {"self", "args", "kwargs"})


def test_time_in_a_coroutine() -> None:
    """If this failed, a test with asyncio would have to leave its loop to move the clock."""

    async def talk() -> None:
        async with ottla.Broker() as broker:
            clock = broker.aio.clock
            await clock.freeze()
            before = await clock.now()
            await clock.advance(days=7)
            assert (await clock.now() - before).total_seconds() == 7 * 24 * 3600
            await clock.resume()
            assert await broker.aio.produce("t", "one") == 0

    asyncio.run(talk())


def test_the_loop_goes_on_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    """If this failed, a client in the loop could not answer while time is moved, and what waits for
    it would wait for ever.
    """
    moves, goes_on = threading.Event(), threading.Event()

    def advance(self: Clock, **_: float) -> None:
        moves.set()
        assert goes_on.wait(20)

    async def talk() -> None:
        async with ottla.Broker() as broker:
            waits = asyncio.create_task(broker.aio.clock.advance(days=1))
            assert await asyncio.to_thread(moves.wait, 20)
            goes_on.set()
            await waits

    monkeypatch.setattr(Clock, "advance", advance)
    asyncio.run(talk())
