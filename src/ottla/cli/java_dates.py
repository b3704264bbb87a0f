"""Times written by a pattern of Java's SimpleDateFormat, in the machine's zone, in English."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from ottla.cli.options import BadValue

_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July", "August"),
    *("September", "October", "November", "December"),
)
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_PARTS = re.compile(r"''|'((?:[^']|'')*)'|([A-Za-z])\2*|[^A-Za-z']+|'", re.DOTALL)
_REFUSED = "YwWF"
"""Weeks, which begin on another day elsewhere."""

Moment = tuple[time.struct_time, int]
"""Where the clock stands, and the milliseconds."""


def date_format(pattern: str) -> Callable[[int], str]:
    """What writes a time, in ms since 1970, as the pattern says.

    Raises:
        BadValue: the pattern makes no sense, or counts weeks.
    """
    pieces = [_piece(match) for match in _PARTS.finditer(pattern)]

    def write(ms: int) -> str:
        moment = time.localtime(ms // 1000), ms % 1000
        return "".join(piece(moment) for piece in pieces)

    return write


def _piece(match: re.Match[str]) -> Callable[[Moment], str]:
    text, letter = match[0], match[2]
    if letter is None:
        if text == "'":
            raise BadValue("--date-format: a quote is not closed")
        literal = text if match[1] is None else match[1].replace("''", "'")
        return lambda _: "'" if text == "''" else literal
    width = len(text)
    if letter in _NUMBERS:
        number = _NUMBERS[letter]
        return lambda moment: str(number(moment)).zfill(width)
    if letter == "X" and width > 3:
        raise BadValue("--date-format: X stands at most three times")
    if letter in _WORDS:
        word = _WORDS[letter]
        return lambda moment: word(moment[0], width)
    why = "weeks are not counted here" if letter in _REFUSED else "no such letter"
    raise BadValue(f"--date-format: {why}: Illegal pattern character '{letter}'")


_NUMBERS: dict[str, Callable[[Moment], int]] = {
    "d": lambda moment: moment[0].tm_mday,
    "D": lambda moment: moment[0].tm_yday,
    "H": lambda moment: moment[0].tm_hour,
    "k": lambda moment: moment[0].tm_hour or 24,
    "K": lambda moment: moment[0].tm_hour % 12,
    "h": lambda moment: moment[0].tm_hour % 12 or 12,
    "m": lambda moment: moment[0].tm_min,
    "s": lambda moment: moment[0].tm_sec,
    "S": lambda moment: moment[1],
    "u": lambda moment: moment[0].tm_wday + 1,
}


def _year(at: time.struct_time, width: int) -> str:
    return f"{at.tm_year % 100:02}" if width == 2 else str(at.tm_year).zfill(width)


def _month(at: time.struct_time, width: int) -> str:
    if width < 3:
        return str(at.tm_mon).zfill(width)
    return _MONTHS[at.tm_mon - 1][: None if width > 3 else 3]


def _offset(at: time.struct_time, *, colon: bool, hours: bool = False) -> str:
    minutes = abs(at.tm_gmtoff) // 60
    sign = "-" if at.tm_gmtoff < 0 else "+"
    if hours:
        return f"{sign}{minutes // 60:02}"
    return f"{sign}{minutes // 60:02}{':' * colon}{minutes % 60:02}"


def _iso_offset(at: time.struct_time, width: int) -> str:
    return _offset(at, colon=width == 3, hours=width == 1) if at.tm_gmtoff else "Z"


_WORDS: dict[str, Callable[[time.struct_time, int], str]] = {
    "G": lambda at, width: "AD",
    "y": _year,
    "M": _month,
    "L": _month,
    "E": lambda at, width: _DAYS[at.tm_wday][: None if width > 3 else 3],
    "a": lambda at, width: "AM" if at.tm_hour < 12 else "PM",
    "z": lambda at, width: at.tm_zone,
    "Z": lambda at, width: _offset(at, colon=False),
    "X": _iso_offset,
}
