"""Windows as users name them; lengths are ms, timedeltas or texts such as "5m"."""

from __future__ import annotations

from ottla.streams.durations import Duration, ms
from ottla.streams.errors import TopologyError
from ottla.streams.plan.windows import (
    JoinWindows,
    SessionWindows,
    SlidingWindows,
    TimeWindows,
    UnlimitedWindows,
)

Windows = TimeWindows | UnlimitedWindows | SlidingWindows | SessionWindows


def tumbling(size: Duration, *, grace: Duration = 0) -> TimeWindows:
    """Windows of one size, end to end: each record is in one. Late ones are taken for `grace`."""
    return hopping(size, every=size, grace=grace)


def hopping(size: Duration, *, every: Duration, grace: Duration = 0) -> TimeWindows:
    """Windows of one size that begin `every` so often: a record may be in several."""
    length, step = ms(size, what="size of windows"), ms(every, what="every")
    if length < 1:
        raise TopologyError("windows need a size of 1 ms or more", hint='tumbling("5m")')
    if not 1 <= step <= length:
        raise TopologyError(
            f"windows of {length} ms cannot begin every {step} ms",
            hint="every is 1 ms or more and at most the size",
        )
    return TimeWindows(length, step, ms(grace, what="grace"))


def unlimited(*, start: Duration = 0) -> UnlimitedWindows:
    """One window from `start` (ms since the epoch) on, without an end."""
    return UnlimitedWindows(ms(start, what="start"))


def sliding(difference: Duration, *, grace: Duration = 0) -> SlidingWindows:
    """Windows of records that are at most `difference` apart."""
    apart = ms(difference, what="difference")
    return SlidingWindows(apart, ms(grace, what="grace"))


def session(gap: Duration, *, grace: Duration = 0) -> SessionWindows:
    """Windows that last as long as records of a key come within `gap` of each other."""
    length = ms(gap, what="gap of sessions")
    if length < 1:
        raise TopologyError("sessions need a gap of 1 ms or more", hint='session("30s")')
    return SessionWindows(length, ms(grace, what="grace"))


def join_within(
    difference: Duration,
    *,
    before: Duration | None = None,
    after: Duration | None = None,
    grace: Duration = 0,
) -> JoinWindows:
    """Records of two streams whose times are at most `difference` apart.

    `before` and `after` say how far the other stream's record may lie before or after this one's.
    """
    apart = ms(difference, what="difference of joined records")
    earlier = apart if before is None else _signed(before, "before")
    later = apart if after is None else _signed(after, "after")
    if earlier + later < 0:
        raise TopologyError(
            f"a window from {earlier} ms before to {later} ms after is none",
            hint="before + after must not be negative",
        )
    return JoinWindows(earlier, later, ms(grace, what="grace"))


def _signed(given: Duration, what: str) -> int:
    """A distance that may be negative, where it is a number."""
    return given if isinstance(given, int) and given < 0 else ms(given, what=what)
