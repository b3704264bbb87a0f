"""A broker's calls for coroutines: each is the same call, in a thread of the loop's.

Nothing is done here that `Broker` does not do. A call that is cancelled goes on in its thread until
it is done or its own time is over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from ottla.testing.talk import Talk

P = ParamSpec("P")
T = TypeVar("T")


class Life(Protocol):
    """What a broker can do beside talking; `Broker` says more of each."""

    def start(self) -> Any:
        """Serve; returns when clients can connect."""

    def close(self) -> None:
        """Stop cleanly."""

    def kill(self) -> None:
        """End as if the process had been killed."""

    def power_cut(self) -> None:
        """End as if the machine had lost its power."""

    def advance(self, seconds: float) -> None:
        """Move the node's clock forward."""


def _in_a_thread(
    call: Callable[Concatenate[Any, P], T],
) -> Callable[Concatenate[Aio, P], Coroutine[Any, Any, T]]:
    async def called(self: Aio, /, *args: P.args, **kwargs: P.kwargs) -> T:
        # By its name: a subclass may have its own.
        return await asyncio.to_thread(getattr(self._broker, call.__name__), *args, **kwargs)

    called.__name__ = call.__name__
    called.__qualname__ = f"Aio.{call.__name__}"
    called.__doc__ = call.__doc__
    return called


class Aio:
    """What `broker.aio` is."""

    def __init__(self, broker: Life) -> None:
        self._broker = broker

    start = _in_a_thread(Life.start)
    close = _in_a_thread(Life.close)
    kill = _in_a_thread(Life.kill)
    power_cut = _in_a_thread(Life.power_cut)
    advance = _in_a_thread(Life.advance)
    create_topic = _in_a_thread(Talk.create_topic)
    topics = _in_a_thread(Talk.topics)
    produce = _in_a_thread(Talk.produce)
    records = _in_a_thread(Talk.records)
    expect = _in_a_thread(Talk.expect)
    wait_for = _in_a_thread(Talk.wait_for)
