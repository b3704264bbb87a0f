"""ISO-8601 durations as java.time.Duration reads them: `PnDTnHnMn.nS`."""

from __future__ import annotations

from typing import Final

_SHAPE: Final = (
    r"([-+]?)P(?:([-+]?\d+)D)?"
    r"(T(?:([-+]?\d+)H)?(?:([-+]?\d+)M)?(?:([-+]?\d+)(?:[.,](\d{0,9}))?S)?)?"
)
_NANOS = 1_000_000_000
_TEXT_MAX = 100
"""No duration that Java can hold is as long; Python would stumble over thousands of digits."""


def duration_ms(text: str) -> int | None:
    """The duration in milliseconds, rounded down; None if the text is not a duration."""
    nanos = _nanos(text)
    return None if nanos is None else nanos // 1_000_000


def is_positive_duration(text: str) -> bool:
    """Whether it is a duration, and not below zero."""
    nanos = _nanos(text)
    return nanos is not None and nanos >= 0


def _nanos(text: str) -> int | None:
    import re

    found = None if len(text) > _TEXT_MAX else re.fullmatch(_SHAPE, text, re.IGNORECASE)
    if found is None:
        return None
    sign, days, time, hours, minutes, seconds, fraction = found.groups()
    if time == "" or time in ("T", "t") or not any((days, hours, minutes, seconds)):
        return None
    whole = (
        int(days or 0) * 86400 + int(hours or 0) * 3600 + int(minutes or 0) * 60 + int(seconds or 0)
    )
    part = int((fraction or "").ljust(9, "0")) if fraction else 0
    if seconds and seconds.startswith("-"):
        part = -part
    nanos = whole * _NANOS + part
    return -nanos if sign == "-" else nanos
