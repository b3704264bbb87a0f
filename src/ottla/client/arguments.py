"""What callers pass, checked at their own line: so a wrong type is not met later by a thread that
nobody sees.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ottla.client.places import TopicPartition

if TYPE_CHECKING:
    from datetime import datetime

SECONDS_MAX = 1_000_000_000
NAME_BYTES_MAX = 249


def milliseconds(seconds: float, name: str = "timeout") -> int:
    """A time that was given in seconds; less than none is none.

    Raises:
        TypeError: no number.
    """
    if not isinstance(seconds, int | float) or isinstance(seconds, bool) or seconds != seconds:
        raise TypeError(f"{name} is a number of seconds, not {seconds!r}")
    return int(min(max(seconds, 0), SECONDS_MAX) * 1000)


def place_of(value: Any) -> TopicPartition:
    """A partition: (topic, number).

    Raises:
        TypeError: something else.
    """
    if isinstance(value, tuple | list) and len(value) == 2:
        topic, number = value
        if isinstance(topic, str) and _is_whole(number):
            if not 0 <= number < 2**31:
                raise ValueError(f"no partition has the number {number}")
            return topic_of(topic), number
    raise TypeError(f"a partition is (topic, number), such as ('orders', 0), not {value!r}")


def places_of(values: Iterable[Any]) -> list[TopicPartition]:
    """Several partitions.

    Raises:
        TypeError: something else.
    """
    return [place_of(value) for value in _several(values, "partitions", "[('orders', 0)]")]


def beginnings_of(values: Iterable[Any]) -> list[tuple[TopicPartition, int | None]]:
    """Partitions, each perhaps with the offset to begin at: (topic, number, offset).

    Raises:
        TypeError: something else.
    """
    found: list[tuple[TopicPartition, int | None]] = []
    for value in _several(values, "partitions", "[('orders', 0), ('orders', 1, 1000)]"):
        if isinstance(value, tuple | list) and len(value) == 3:
            found.append((place_of(value[:2]), offset_of(value[2])))
        else:
            found.append((place_of(value), None))
    return found


def offset_of(value: Any) -> int:
    """An offset.

    Raises:
        TypeError: no whole number.
        ValueError: one that no record has.
    """
    if not _is_whole(value):
        raise TypeError(f"an offset is a whole number, not {value!r}")
    if not 0 <= value < 2**63:
        raise ValueError(f"no record has offset {value}")
    return int(value)


def topic_of(name: Any) -> str:
    """The name of a topic, as far as it can be one at all; which letters it has is the node's word.

    Raises:
        TypeError: no text.
        ValueError: one that no topic has.
    """
    if not isinstance(name, str):
        raise TypeError(f"the name of a topic is a str, not {name!r}")
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        size = 0
    if not 0 < size <= NAME_BYTES_MAX:
        raise ValueError(f"no topic has the name {name[:40]!r}")
    return name


def topics_of(values: Iterable[Any]) -> frozenset[str]:
    """Names of topics; one alone counts as such.

    Raises:
        TypeError: something else.
        ValueError: a regular expression.
    """
    if isinstance(values, str):
        values = [values]
    shown = "['orders'], or a function that takes a name, such as re.compile('or.*').fullmatch"
    found = [*_several(values, "topics", shown)]
    for name in found:
        if topic_of(name).startswith("^"):
            pattern = name.removeprefix("^")
            raise ValueError(
                f"{name!r} is no topic; for those that match, pass a function: "
                f"re.compile({pattern!r}).fullmatch"
            )
    return frozenset(found)


def timestamp_of(value: int | datetime) -> int:
    """A time in ms since 1970; a datetime counts as it says, one without a zone as local.

    Raises:
        TypeError: something else.
    """
    if _is_whole(value):
        if not -(2**63) <= value < 2**63:  # type: ignore[operator]
            raise ValueError(f"no record is of the time {value}")
        return int(value)  # type: ignore[arg-type]
    told = getattr(value, "timestamp", None)
    if callable(told):
        return int(told() * 1000)
    raise TypeError(f"a time is in milliseconds since 1970, or a datetime, not {value!r}")


def by_place(mapping: Mapping[Any, Any], what: str) -> dict[TopicPartition, Any]:
    """Something of each partition.

    Raises:
        TypeError: no mapping of partitions.
    """
    if not isinstance(mapping, Mapping):
        raise TypeError(f"{what} are given as {{('orders', 0): ...}}, not {mapping!r}")
    return {place_of(place): value for place, value in mapping.items()}


def count_of(value: Any, name: str) -> int:
    """So many, at least one.

    Raises:
        TypeError: no whole number.
        ValueError: none, or less.
    """
    if not _is_whole(value):
        raise TypeError(f"{name} is a whole number, not {value!r}")
    if value < 1:
        raise ValueError(f"{name} is at least 1, not {value}")
    return int(value)


def _several(values: Any, what: str, shown: str) -> Iterable[Any]:
    is_one = isinstance(values, tuple) and len(values) in (2, 3) and isinstance(values[0], str)
    numbered = is_one and _is_whole(values[1])
    if isinstance(values, str | bytes) or numbered or not isinstance(values, Iterable):
        raise TypeError(f"{what} are a list, such as {shown}, not {values!r}")
    return values


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
