"""Kafka's windows as values. Lengths are ms; an end is exclusive, but that of a session is in.

`grace_ms` is how long after its end a window still takes records, by the operator's stream time.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TimeWindows:
    """Tumbling where `advance_ms` is `size_ms`, hopping where it is less."""

    size_ms: int
    advance_ms: int
    grace_ms: int


@dataclass(frozen=True, slots=True)
class UnlimitedWindows:
    """One window from `start_ms` to the end of time."""

    start_ms: int
    grace_ms: int = 0


@dataclass(frozen=True, slots=True)
class SlidingWindows:
    """Windows of records that lie at most `difference_ms` apart, both ends in."""

    difference_ms: int
    grace_ms: int


@dataclass(frozen=True, slots=True)
class SessionWindows:
    """Windows that grow as long as records come within `gap_ms`."""

    gap_ms: int
    grace_ms: int


@dataclass(frozen=True, slots=True)
class JoinWindows:
    """The other side's records from `before_ms` before this side's to `after_ms` after it."""

    before_ms: int
    after_ms: int
    grace_ms: int
    #: Whether Kafka's fix of spurious left and outer results is on (it is, but for windows without
    #: it).
    spurious_results_fix: bool = True
