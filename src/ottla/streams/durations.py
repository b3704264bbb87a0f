"""Lengths of time as users write them: ms, a timedelta, or a text such as "5m"."""

from __future__ import annotations

import re
from datetime import timedelta

from ottla.streams.errors import TopologyError

_UNITS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_PART = re.compile(r"(\d+)(ms|s|m|h|d)")


def ms(given: int | timedelta | str, *, what: str) -> int:
    """The length in whole ms.

    Raises:
        TopologyError: it is none; the text names `what`.
    """
    found: int | None = None
    if isinstance(given, int) and not isinstance(given, bool):
        found = given
    elif isinstance(given, timedelta):
        whole, rest = divmod(given, timedelta(milliseconds=1))
        found = None if rest else whole
    elif isinstance(given, str) and re.fullmatch(f"(?:{_PART.pattern})+", given.strip()):
        found = sum(int(n) * _UNITS[unit] for n, unit in _PART.findall(given))
    if found is None or found < 0:
        raise TopologyError(
            f"{what}: {given!r} is no length of time",
            hint='give whole ms, a timedelta, or a text such as "500ms", "5s", "1m30s", "2h", "1d"',
        )
    return found
