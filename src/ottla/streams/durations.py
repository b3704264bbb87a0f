"""Lengths of time as users write them: ms, a timedelta, or a text such as "5m"."""

from __future__ import annotations

import re
import reprlib
from datetime import timedelta

from ottla.streams.errors import TopologyError

#: A length of time as a user gives it.
Duration = int | timedelta | str

_UNITS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
#: Digits of a number that may still be a length; Kafka keeps ms in 64 bits.
_PART = re.compile(r"([0-9]{1,19})(ms|s|m|h|d)")
_LONGEST = 2**63 - 1
_TEXT = 100


def ms(given: Duration, *, what: str) -> int:
    """The length in whole ms.

    Raises:
        TopologyError: it is none, or does not fit 64 bits; the text names `what`.
    """
    found: int | None = None
    if isinstance(given, int) and not isinstance(given, bool):
        found = given
    elif isinstance(given, timedelta):
        whole, rest = divmod(given, timedelta(milliseconds=1))
        found = None if rest else whole
    elif (
        isinstance(given, str)
        and len(given) <= _TEXT
        and re.fullmatch(f"(?:{_PART.pattern})+", given.strip())
    ):
        found = sum(int(n) * _UNITS[unit] for n, unit in _PART.findall(given))
    if found is not None and abs(found) > _LONGEST:  # so many digits that Python may not print them
        raise TopologyError(
            f"{what}: a length of time has 0 to {_LONGEST} ms",
            hint="give a shorter one; what never ends has windows of its own",
        )
    if found is None or found < 0:
        raise TopologyError(
            f"{what}: {reprlib.repr(given)} is no length of time",
            hint='give whole ms, a timedelta, or a text such as "500ms", "5s", "1m30s", "2h", "1d"',
        )
    return found
