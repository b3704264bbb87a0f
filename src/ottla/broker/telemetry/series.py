"""The metrics that clients pushed, as `/metrics` shows them.

A metric keeps its name, in Prometheus' letters and with `kafka_client_` for `org.apache.kafka.`; a
sum that only grows is a counter, everything else a gauge. Clients push what came since the last
time, and it is added up here. Each series says whose it is: `client_instance_id`, `client_id`. All
is bounded, since names and labels are the clients' choice; what finds no place is counted.

The node's other threads read `families` while the one that decides writes: what they get is put
together of values that are replaced and never changed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from ottla.broker.telemetry.otlp import Point
from ottla.metrics.exposition import Family, Labels

PREFIX: Final = "kafka_client_"
SERIES_MAX: Final = 20_000
SERIES_PER_INSTANCE_MAX: Final = 1_000
_OWN: Final = "org.apache.kafka."
_LABELS: Final = ("client_instance_id", "client_id")


class _Key(NamedTuple):
    name: str
    kind: str
    source: str
    labels: Labels


class Series:
    """By client instance."""

    __slots__ = ("_kinds", "_of", "_shown", "count", "dropped")

    def __init__(self) -> None:
        self._of: dict[str, dict[_Key, float]] = {}
        self._shown: dict[str, tuple[tuple[_Key, float], ...]] = {}
        """The same, for other threads."""
        self._kinds: dict[str, tuple[str, int]] = {}
        """Of each name what it is, and how many instances have it: Prometheus wants one kind."""
        self.count = 0
        self.dropped = 0
        """Numbers that found no place."""

    def push(self, instance: str, client_id: str, points: Iterable[Point]) -> None:
        """Take in what a client pushed."""
        mine = self._of.setdefault(instance, {})
        for point in points:
            key = _key(point, instance, client_id)
            if key not in mine and not self._makes_place(mine, key):
                self.dropped += 1
                continue
            before = mine.get(key, 0.0) if point.is_delta else 0.0
            mine[key] = before + point.value
        self._shown[instance] = tuple(mine.items())

    def _makes_place(self, mine: dict[_Key, float], key: _Key) -> bool:
        if len(mine) >= SERIES_PER_INSTANCE_MAX or self.count >= SERIES_MAX:
            return False
        kind, users = self._kinds.get(key.name, (key.kind, 0))
        if kind != key.kind:
            return False
        self._kinds[key.name] = (kind, users + 1)
        self.count += 1
        return True

    def forget(self, instance: str) -> None:
        """The client is gone, and its series with it."""
        self._shown.pop(instance, None)
        for key in self._of.pop(instance, ()):
            self.count -= 1
            kind, users = self._kinds[key.name]
            if users > 1:
                self._kinds[key.name] = (kind, users - 1)
            else:
                del self._kinds[key.name]

    def families(self) -> list[Family]:
        """All that is shown, by name; from any thread."""
        found: dict[tuple[str, str], Family] = {}
        for shown in list(self._shown.values()):
            for key, value in shown:
                family = found.get((key.name, key.kind))
                if family is None:
                    text = f"What clients pushed as {key.source}."
                    family = found[key.name, key.kind] = Family(key.name, key.kind, text, [])
                family.samples.append((key.labels, value))
        return [found[name] for name in sorted(found)]


def _key(point: Point, instance: str, client_id: str) -> _Key:
    name = PREFIX + _letters(point.name.removeprefix(_OWN))
    is_counter = point.is_monotonic
    if is_counter and not name.endswith("_total"):
        name += "_total"
    labels: dict[str, str] = {}
    for key, value in point.attributes:
        label = _letters(key).strip("_") or "_"
        if label in _LABELS or label[0].isdigit():
            label = f"attribute_{label}"
        labels[label] = value
    kind = "counter" if is_counter else "gauge"
    whose = zip(_LABELS, (instance, client_id), strict=True)
    # In one order, whatever the client's is: the same labels twice would spoil the whole page.
    return _Key(name, kind, point.name, (*whose, *sorted(labels.items())))


class _Letters(dict[int, str]):
    """For `str.translate`: what Prometheus takes in a name stays."""

    def __missing__(self, code: int) -> str:
        letter = chr(code)
        kept = self[code] = letter if letter.isascii() and letter.isalnum() else "_"
        return kept


def _letters(text: str) -> str:
    return text.translate(_Letters())
