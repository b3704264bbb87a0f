"""Time: ms since the epoch as ints, taken apart and put together in UTC, without leap seconds."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from typing import Any

from ottla.streams.expressions.display import Rows, quoted
from ottla.streams.expressions.evaluation.arithmetic import TOO_LARGE
from ottla.streams.expressions.evaluation.refusal import (
    PARSE_HINT,
    SIZE_HINT,
    TEXT_HINT,
    TIME_HINT,
    Part,
    refused,
)
from ottla.streams.expressions.plain import type_of
from ottla.streams.serdes.serde import INT_MIN

SECOND, MINUTE, HOUR, DAY = 1000, 60_000, 3_600_000, 86_400_000
#: The day of the epoch, as Python counts days.
EPOCH = datetime.date(1970, 1, 1).toordinal()
#: The epoch was a Thursday.
EPOCH_WEEKDAY = 3
LAST = datetime.date.max.toordinal()

_ISO = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)"
    r"(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?"
    r"(?:[Zz]|([+-])(\d\d):?(\d\d))?)?",
    re.ASCII,
)


def _time(rows: Rows, of: Part, apply: Callable[[int], Any]) -> Part:
    """An operation on a time."""
    name = f".time.{rows[0]}()"

    def run(key: Any, value: Any, timestamp: int, headers: Any) -> Any:
        it = of(key, value, timestamp, headers)
        if it is None:
            return None
        if type(it) is not int:
            raise refused(rows, f"{name} takes int, not {type_of(it)}", TIME_HINT)
        return apply(it)

    return run


def truncate(rows: Rows, of: Part) -> Part:
    size = rows[2]

    def apply(it: int) -> int:
        start: int = it - it % size
        if start < INT_MIN:
            raise refused(rows, TOO_LARGE, SIZE_HINT)
        return start

    return _time(rows, of, apply)


def hour(rows: Rows, of: Part) -> Part:
    return _time(rows, of, lambda it: it // HOUR % 24)


def minute(rows: Rows, of: Part) -> Part:
    return _time(rows, of, lambda it: it // MINUTE % 60)


def second(rows: Rows, of: Part) -> Part:
    return _time(rows, of, lambda it: it // SECOND % 60)


def weekday(rows: Rows, of: Part) -> Part:
    return _time(rows, of, lambda it: (it // DAY + EPOCH_WEEKDAY) % 7)


def _date(rows: Rows, it: int) -> datetime.date:
    day = it // DAY + EPOCH
    if not 1 <= day <= LAST:
        raise refused(rows, "the time lies outside the years 1 to 9999", TIME_HINT)
    return datetime.date.fromordinal(day)


def day(rows: Rows, of: Part) -> Part:
    return _time(rows, of, lambda it: _date(rows, it).day)


def month(rows: Rows, of: Part) -> Part:
    return _time(rows, of, lambda it: _date(rows, it).month)


def year(rows: Rows, of: Part) -> Part:
    return _time(rows, of, lambda it: _date(rows, it).year)


def iso(rows: Rows, of: Part) -> Part:
    def apply(it: int) -> str:
        date = _date(rows, it).isoformat()
        clock = f"{it // HOUR % 24:02}:{it // MINUTE % 60:02}:{it // SECOND % 60:02}"
        return f"{date}T{clock}.{it % SECOND:03}Z"

    return _time(rows, of, apply)


def parse_time(rows: Rows, of: Part) -> Part:
    """What is finer than ms is cut off."""

    def run(key: Any, value: Any, timestamp: int, headers: Any) -> Any:
        it = of(key, value, timestamp, headers)
        if it is None:
            return None
        if type(it) is not str:
            raise refused(rows, f"parse_time() takes str, not {type_of(it)}", TEXT_HINT)
        found = _parsed(it)
        if found is None:
            raise refused(rows, f"the text {quoted(it)} is no time by ISO 8601", PARSE_HINT)
        return found

    return run


def _parsed(text: str) -> int | None:
    match = _ISO.fullmatch(text)
    if match is None:
        return None
    years, months, days, hours, minutes, seconds, fraction, sign, zone_hours, zone_minutes = (
        match.groups()
    )
    try:
        date = datetime.date(int(years), int(months), int(days))
    except ValueError:
        return None
    clock = int(hours or 0), int(minutes or 0), int(seconds or 0)
    zone = int(zone_hours or 0), int(zone_minutes or 0)
    if clock[0] > 23 or clock[1] > 59 or clock[2] > 59 or zone[0] > 23 or zone[1] > 59:
        return None
    at = (date.toordinal() - EPOCH) * DAY
    at += clock[0] * HOUR + clock[1] * MINUTE + clock[2] * SECOND
    at += int(f"{fraction or '':0<3}"[:3])
    offset = zone[0] * HOUR + zone[1] * MINUTE
    return at + offset if sign == "-" else at - offset


TIMES: dict[str, Callable[..., Part]] = {
    "truncate": truncate,
    "hour": hour,
    "minute": minute,
    "second": second,
    "weekday": weekday,
    "day": day,
    "month": month,
    "year": year,
    "iso": iso,
    "parse_time": parse_time,
}
