"""Places in logs as people say them: `beginning`, `end`, `42`, `2h`, `2026-01-31T18:00`, `+10`.

One grammar for where reading begins and ends, where a group goes, and what is deleted before. A
duration is that long ago; a time without a zone is the machine's own.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from ottla.cli.options import UsageError, WrongWords
from ottla.cli.run import Failed

if TYPE_CHECKING:
    from ottla.client.admin.topics import Topic
    from ottla.client.client import Client
    from ottla.client.places import TopicPartition

BEGINNING, END, OFFSET, TIME, SHIFT = "beginning", "end", "offset", "time", "shift"
TAKES = "beginning, end, an offset, a duration ago (2h, 30m, 1d), or a time (2026-01-31T18:00)"

_WORDS = {
    "beginning": BEGINNING,
    "earliest": BEGINNING,
    "start": BEGINNING,
    "end": END,
    "latest": END,
    "now": END,
}
LONG_MAX = 2**63 - 1
_UNITS_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}


Offsets = Mapping["TopicPartition", int]


class Spot(NamedTuple):
    """A place that was named: what kind it is of, and its offset, time in ms or distance."""

    kind: str
    value: int = 0


def spot(option: str, text: str) -> Spot:
    """Read a place.

    Raises:
        WrongWords: it is none.
    """
    word = text.strip().lower()
    if word in _WORDS:
        return Spot(_WORDS[word])
    found = _numbered(word)
    if found is None:
        ago = duration_ms(word)
        when = _time_ms(text.strip()) if ago is None else int(time.time() * 1000) - ago
        found = None if when is None else Spot(TIME, when)
    if found is None or not -LONG_MAX <= found.value <= LONG_MAX:
        raise WrongWords(f"{option} does not take '{text}'", hint=f"it takes {TAKES}")
    return found


def _numbered(word: str) -> Spot | None:
    if re.fullmatch(r"[+-][0-9]+", word):
        return Spot(SHIFT, int(word))
    if re.fullmatch(r"[0-9]+", word):
        return Spot(OFFSET, int(word))
    if re.fullmatch(r"@[0-9]+", word):
        return Spot(TIME, int(word[1:]))
    return None


def duration_ms(text: str) -> int | None:
    """`2h30m` in milliseconds; None if it is no duration."""
    parts = re.findall(r"(\d+)(ms|[smhdw])", text)
    if not parts or "".join(map("".join, parts)) != text:
        return None
    return sum(int(amount) * _UNITS_MS[unit] for amount, unit in parts)


def _time_ms(text: str) -> int | None:
    from datetime import datetime

    try:
        return round(datetime.fromisoformat(text).timestamp() * 1000)
    except (ValueError, OverflowError, OSError):
        return None


def partitions_of(client: Client, words: Iterable[str]) -> list[TopicPartition]:
    """The partitions that `topic` or `topic:0,2` mean, in their order.

    Raises:
        OttlaError: a topic, or a partition, does not exist.
    """
    found: dict[TopicPartition, None] = {}
    for word in words:
        name, numbers = split_topic(word)
        there = [row.number for row in described(client, [name])[0].partitions]
        missing = sorted(set(numbers or ()) - set(there))
        if missing:
            raise Failed(
                f"topic {name} has no partition {missing[0]}",
                hint=f"it has {len(there)}, numbered from 0",
            )
        found.update(dict.fromkeys((name, number) for number in numbers or there))
    return list(found)


def split_topic(word: str) -> tuple[str, list[int] | None]:
    """`topic` or `topic:0,1`.

    Raises:
        UsageError: what follows the colon is no list of partitions.
    """
    name, colon, numbers = word.partition(":")
    if not colon:
        return name, None
    parts = numbers.split(",")
    if not name or not all(part.isascii() and part.isdigit() for part in parts):
        raise UsageError(f"'{word}' is neither a topic nor topic:0,1 with partition numbers")
    return name, [int(part) for part in parts]


def described(client: Client, names: list[str]) -> list[Topic]:
    """Topics with their partitions.

    Raises:
        Failed: one does not exist; the hint has the name that was meant.
    """
    from ottla.client.admin import topics
    from ottla.client.errors import BrokerError
    from ottla.wire.errors import ErrorCode

    try:
        return topics.describe(client, names)
    except BrokerError as error:
        if error.code != ErrorCode.UNKNOWN_TOPIC_OR_PARTITION:
            raise
    there = topics.names(client)
    missing = next((name for name in names if name not in there), names[0])
    raise no_topic(missing, there)


def no_topic(name: str, there: list[str]) -> Failed:
    """That a topic does not exist, and which was meant."""
    from ottla.cli.options import nearest

    close = nearest(name, there) or "ottla topics shows those that do"
    return Failed(f"topic {name} does not exist", hint=close)


def resolve(
    client: Client,
    places: Iterable[TopicPartition],
    wanted: Spot,
    *,
    moved: Callable[[TopicPartition, int, int], object] = lambda place, said, is_at: None,
    ends: tuple[Offsets, Offsets] | None = None,
) -> dict[TopicPartition, int]:
    """The offset of that place in each partition, moved inside of its log; a distance is from the
    log's end. Where nothing is as young as a time, it is the end. `moved` is told of each offset
    that was said and lies outside of its log; `ends` are those of the logs, if they are known.

    Raises:
        BrokerError: a partition could not be asked.
    """
    from ottla.client.admin import offsets

    places = list(places)
    first, last = ends or log_ends(client, places)
    if wanted.kind == BEGINNING:
        return dict(first)
    if wanted.kind == END:
        return dict(last)
    if wanted.kind == TIME:
        times = dict.fromkeys(places, wanted.value)
        found = offsets.offsets_or_raise(client, times)
        at = {place: last[place] if row is None else row for place, row in found.items()}
    elif wanted.kind == SHIFT:
        at = {place: last[place] + wanted.value for place in places}
        return within(at, first, last)
    else:
        at = dict.fromkeys(places, wanted.value)
    return within(at, first, last, moved)


def within(
    at: Mapping[TopicPartition, int],
    first: Mapping[TopicPartition, int],
    last: Mapping[TopicPartition, int],
    moved: Callable[[TopicPartition, int, int], object] = lambda place, said, is_at: None,
) -> dict[TopicPartition, int]:
    """Offsets moved inside of their logs; `moved` is told of each that was outside."""
    found = {}
    for place, said in at.items():
        found[place] = min(max(said, first[place]), last[place])
        if found[place] != said:
            moved(place, said, found[place])
    return found


def log_ends(
    client: Client, places: Iterable[TopicPartition]
) -> tuple[dict[TopicPartition, int], dict[TopicPartition, int]]:
    """Where each partition's log begins and ends.

    Raises:
        BrokerError: a partition could not be asked.
    """
    from ottla.client.admin import offsets

    places = list(places)
    if not places:
        return {}, {}
    found = []
    for at in (offsets.EARLIEST, offsets.LATEST):
        rows = offsets.offsets_or_raise(client, dict.fromkeys(places, at))
        found.append({place: row or 0 for place, row in rows.items()})
    return found[0], found[1]
