"""The one shape of everything that decides.

A decider is a state machine over a log. It is asked (`decide`), answers with a `Decision`, and
changes only by `apply`, which sees every record twice in its life: at once when it was decided,
and again when the log is replayed after a restart. Whoever runs it (node/ in production, sim/ in
simulation) appends the records in order and as one batch, and lets each reply go when the high
watermark has passed the offset that it was decided at; replies of reads too, so nobody learns what
could still be lost.

Time comes in as an argument, replies and timers go out as values: a decider holds no clock, no
thread, no socket, and no randomness but the `Entropy` that it was given.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol


class Reply(NamedTuple):
    """An answer to one request, addressed by the token that the request came with."""

    token: int
    message: Any
    """A response message of `ottla.wire`."""


class Now(NamedTuple):
    """What time it is, on the three clocks of a node."""

    wall_ms: int
    """What records are stamped with, and what ages by date. It may jump, forward and back."""
    steady_ms: int
    """What durations are measured on: it never goes back and only tests make it leap."""
    real_ms: int
    """The machine's monotonic time, which not even a test moves."""


class Timer(NamedTuple):
    """Ask the decider again at `at_ms`, or never if it is None (which cancels that key's timer).

    `at_ms` is a time of `Now.real_ms` for `real` timers, and else of `Now.steady_ms`.
    """

    key: Any
    at_ms: int | None
    real: bool = False


class Send(NamedTuple):
    """A request to another node; its answer comes back to the decider as a request of its own."""

    node_id: int
    message: Any
    version: int
    key: Any


class Decision(NamedTuple):
    """What a decider wants to happen: records first, then, once they are safe, the rest."""

    records: Sequence[Any] = ()
    replies: Sequence[Reply] = ()
    timers: Sequence[Timer] = ()
    sends: Sequence[Send] = ()


NOTHING = Decision()


class Entropy(Protocol):
    """Where a decider gets its random identifiers from: seeded in simulation, the system's
    otherwise.
    """

    def uuid(self) -> bytes:
        """16 random bytes that form a version 4 UUID, never one that Kafka reserves."""

    def below(self, bound: int) -> int:
        """A whole number from 0 to bound - 1."""
