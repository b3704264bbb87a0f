"""A broker's calls for coroutines: each is the same call, in a thread of the loop's.

Nothing is done here that `Broker` and what it hands out do not do. A call that is cancelled goes on
in its thread until it is done or its own time is over. What waits for nothing is used as it is:
`log` and `client_config` are the broker's, and so is `faults`, which is here as well.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar, cast

from ottla.testing.clock import Clock
from ottla.testing.talk import Talk

if TYPE_CHECKING:
    from ottla.testing.faults import Faults

P = ParamSpec("P")
T = TypeVar("T")


def _in_a_thread(
    call: Callable[Concatenate[Any, P], T],
) -> Callable[Concatenate[_Threaded, P], Coroutine[Any, Any, T]]:
    async def called(self: _Threaded, /, *args: P.args, **kwargs: P.kwargs) -> T:
        # By its name: a subclass may have its own.
        return await asyncio.to_thread(getattr(self._of, call.__name__), *args, **kwargs)

    called.__name__ = call.__name__
    called.__qualname__ = call.__qualname__
    called.__doc__ = call.__doc__
    return called


class _Threaded:
    """What calls go to that block."""

    def __init__(self, of: Any) -> None:
        self._of = of


class AioClock(_Threaded):
    """What `broker.aio.clock` is."""

    now = _in_a_thread(Clock.now)
    advance = _in_a_thread(Clock.advance)
    freeze = _in_a_thread(Clock.freeze)
    resume = _in_a_thread(Clock.resume)


class Aio(_Threaded):
    """What `broker.aio` is."""

    create_topic = _in_a_thread(Talk.create_topic)
    delete_topic = _in_a_thread(Talk.delete_topic)
    topics = _in_a_thread(Talk.topics)
    transactions = _in_a_thread(Talk.transactions)
    produce = _in_a_thread(Talk.produce)
    records = _in_a_thread(Talk.records)
    expect = _in_a_thread(Talk.expect)
    wait_for = _in_a_thread(Talk.wait_for)

    async def start(self) -> None:
        """As `Broker.start`."""
        await asyncio.to_thread(self._of.start)

    async def close(self) -> None:
        """As `Broker.close`."""
        await asyncio.to_thread(self._of.close)

    async def kill(self) -> None:
        """As `Broker.kill`."""
        await asyncio.to_thread(self._of.kill)

    async def power_cut(self) -> None:
        """As `Broker.power_cut`."""
        await asyncio.to_thread(self._of.power_cut)

    async def advance(self, seconds: float | timedelta) -> None:
        """As `Broker.advance`."""
        await asyncio.to_thread(self._of.advance, seconds)

    @property
    def clock(self) -> AioClock:
        """As `broker.clock`: its timers may take a while."""
        return AioClock(self._of.clock)

    @property
    def faults(self) -> Faults:
        """`broker.faults` itself: nothing of it waits."""
        return cast("Faults", self._of.faults)
