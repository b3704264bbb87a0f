"""The clock of a node in a test: the test moves it, or stops it, instead of waiting.

It is the node's own, and no client's: what a client stamps is of the machine's time, and is judged
by the node as if the client's clock had moved too (docs/guides/time-and-faults.md). What a client
waits for in the node, such as `fetch.max.wait.ms`, stays on real time. Whatever ends the node, the
next one that the same Broker starts goes on by this clock: the Broker keeps what was made of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from ottla.node.node import Node

ADVANCE_SECONDS_MAX = 1e9
"""About thirty years at once."""
LAST_MS = 253_370_764_800_000
"""The beginning of the year 9999, beyond which there is no date."""

_SECONDS = {"days": 86_400.0, "hours": 3_600.0, "minutes": 60.0, "seconds": 1.0}


class Clock:
    """`broker.clock`. Any method may be called from any thread.

    It outlives `close`, `kill` and `power_cut`: after the next `start` of the same Broker it is as
    far ahead as it was, or stands where it stood. What it was when a record was written is
    forgotten then: records of before are as old as they say.

    Each raises NotRunning if the broker has not been started, or has ended, and NodeFailed if it
    broke.
    """

    __slots__ = ("_node",)

    def __init__(self, node: Callable[[], Node]) -> None:
        self._node = node

    def now(self) -> datetime:
        """What it shows, in UTC."""
        return datetime.fromtimestamp(self._node().now_ms() / 1000, UTC)

    def __repr__(self) -> str:
        from ottla.errors import OttlaError

        try:
            return f"<the broker's clock, {self.now().isoformat(' ', 'milliseconds')}>"
        except OttlaError as problem:
            return f"<the broker's clock: {problem}>"

    def advance(
        self,
        by: timedelta | float = 0,
        /,
        *,
        days: float = 0,
        hours: float = 0,
        minutes: float = 0,
        seconds: float = 0,
        members: Literal["alive", "silent"] = "alive",
    ) -> None:
        """Move it forward; returns when everything that came due on the way has been done.

        Args:
            by: a timedelta, or a number of seconds.
            days: so many, and `hours`, `minutes` and `seconds`; together 10**9 seconds at most.
            hours: see `days`.
            minutes: see `days`.
            seconds: see `days`.
            members: "alive" if members of groups count as having kept their heartbeats meanwhile;
                "silent" if nobody was heard, so that the sessions of all of them may end.

        Raises:
            BadArgument: the clock can't go back, nor out of the calendar.
            BadType: one of these is no number.
        """
        from ottla.node.loop import NodeStopped
        from ottla.testing.errors import BadArgument, NotRunning

        if isinstance(by, timedelta):
            by = by.total_seconds()
        given = {"days": days, "hours": hours, "minutes": minutes, "seconds": seconds}
        by_s = _sum([("seconds", by), *given.items()])
        if members not in ("alive", "silent"):
            raise BadArgument(
                f"members={members!r} is not how members can be", hint='give "alive" or "silent"'
            )
        node = self._node()
        if node.now_ms() + by_s * 1000 > LAST_MS:
            raise BadArgument(
                f"the clock can't be moved by {by_s:g} s: it shows {self.now():%Y-%m-%d}, and "
                "would leave the calendar",
                hint="a new Broker has the machine's time",
            )
        try:
            node.advance(round(by_s * 1000), silent=members == "silent")
        except NodeStopped as problem:
            self._node()
            raise NotRunning("this broker ended while its clock moved") from problem

    def freeze(self) -> None:
        """Stop it: no timer comes due but by `advance`."""
        self._freeze(frozen=True)

    def resume(self) -> None:
        """Let it run on from where it stands."""
        self._freeze(frozen=False)

    def _freeze(self, *, frozen: bool) -> None:
        from ottla.node.loop import NodeStopped
        from ottla.testing.errors import NotRunning

        try:
            self._node().freeze(frozen)
        except NodeStopped as problem:
            raise NotRunning("this broker ended meanwhile") from problem


def _sum(given: Iterable[tuple[str, float]]) -> float:
    from ottla.testing.errors import BadArgument, BadType

    by_s = 0.0
    for unit, number in given:
        if not hasattr(number, "__float__"):
            raise BadType(
                f"advance takes a number of {unit}, not {number!r}",
                hint="a day is 24 * 3600 seconds, days=1 or a timedelta",
            )
        by_s += float(number) * _SECONDS[unit]
    if by_s < 0:
        raise BadArgument(f"the clock can't go back, as by {by_s} s")
    if not by_s <= ADVANCE_SECONDS_MAX:
        raise BadArgument(
            f"the clock can't be moved by {by_s} s",
            hint=f"by {ADVANCE_SECONDS_MAX:.0f} s at most",
        )
    return by_s
