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

from ottla.broker.telemetry.otlp import Attributes, Point
from ottla.metrics.exposition import Family, Labels

PREFIX: Final = "kafka_client_"
SERIES_MAX: Final = 20_000
SERIES_PER_INSTANCE_MAX: Final = 1_000
POINTS_MAX: Final = 2 * SERIES_PER_INSTANCE_MAX
"""Of one push: no client has more to say, and whoever decides takes them in."""
BYTES_MAX: Final = 16 << 20
BYTES_PER_INSTANCE_MAX: Final = 512 << 10
"""Of the lines that show them: whoever scrapes them waits for all, and labels may be long."""
_OWN: Final = "org.apache.kafka."
_LABELS: Final = ("client_instance_id", "client_id")
_LETTERS: Final = bytes(n if n < 128 and chr(n).isalnum() else ord("_") for n in range(256))


class _Key(NamedTuple):
    name: str
    labels: Labels

    @property
    def bytes(self) -> int:
        """What its line takes, about."""
        texts = len(self.name.encode()) + 24
        return texts + sum(len(key) + len(text.encode()) + 4 for key, text in self.labels)


class _Name(NamedTuple):
    kind: str
    source: str
    """Of several names that become this one, the one that was first."""
    users: int


class Series:
    """By client instance."""

    __slots__ = ("_bytes", "_names", "_of", "_shown", "bytes", "count", "dropped")

    def __init__(self) -> None:
        self._of: dict[str, dict[_Key, float]] = {}
        self._bytes: dict[str, int] = {}
        self._shown: dict[str, tuple[tuple[_Key, float], ...]] = {}
        """The same, for other threads."""
        self._names: dict[str, _Name] = {}
        """Of each name what it is, and how many series have it: Prometheus wants one kind."""
        self.count = 0
        self.bytes = 0
        self.dropped = 0
        """Numbers that found no place."""

    def push(self, instance: str, client_id: str, points: Iterable[Point]) -> None:
        """Take in what a client pushed."""
        mine = self._of.setdefault(instance, {})
        labels: dict[Attributes, Labels] = {}
        for count, point in enumerate(points):
            name, kind = _named(point)
            known = self._names.get(name, _Name(kind, point.name, 0))
            if count >= POINTS_MAX or (known.kind, known.source) != (kind, point.name):
                self.dropped += 1
                continue
            if point.attributes not in labels:
                labels[point.attributes] = _labels(point.attributes, instance, client_id)
            key = _Key(name, labels[point.attributes])
            if key not in mine and not self._makes_place(instance, key, known):
                self.dropped += 1
                continue
            before = mine.get(key, 0.0) if point.is_delta else 0.0
            mine[key] = before + point.value
        self._shown[instance] = tuple(mine.items())

    def _makes_place(self, instance: str, key: _Key, known: _Name) -> bool:
        size, mine = key.bytes, self._bytes.get(instance, 0)
        if len(self._of[instance]) >= SERIES_PER_INSTANCE_MAX or self.count >= SERIES_MAX:
            return False
        if mine + size > BYTES_PER_INSTANCE_MAX or self.bytes + size > BYTES_MAX:
            return False
        self._names[key.name] = known._replace(users=known.users + 1)
        self._bytes[instance] = mine + size
        self.bytes += size
        self.count += 1
        return True

    def forget(self, instance: str) -> None:
        """The client is gone, and its series with it."""
        self._shown.pop(instance, None)
        self.bytes -= self._bytes.pop(instance, 0)
        for key in self._of.pop(instance, ()):
            self.count -= 1
            known = self._names[key.name]
            if known.users > 1:
                self._names[key.name] = known._replace(users=known.users - 1)
            else:
                del self._names[key.name]

    def families(self) -> list[Family]:
        """All that is shown, by name; from any thread."""
        found: dict[str, Family] = {}
        names = dict(self._names)
        for shown in list(self._shown.values()):
            for key, value in shown:
                known = names.get(key.name)
                if known is None:
                    continue  # it has gone just now
                family = found.get(key.name)
                if family is None:
                    text = f"What clients pushed as {known.source}."
                    family = found[key.name] = Family(key.name, known.kind, text, [])
                family.samples.append((key.labels, value))
        return [found[name] for name in sorted(found)]


def _named(point: Point) -> tuple[str, str]:
    """What it is called here, and its kind."""
    name = PREFIX + _letters(point.name.removeprefix(_OWN))
    if not point.is_monotonic:
        return name, "gauge"
    return (name if name.endswith("_total") else f"{name}_total"), "counter"


def _labels(attributes: Attributes, instance: str, client_id: str) -> Labels:
    labels: dict[str, str] = {}
    for key, value in attributes:
        label = _letters(key).strip("_") or "_"
        if label in _LABELS or label[0].isdigit():
            label = f"attribute_{label}"
        labels[label] = value
    whose = zip(_LABELS, (instance, client_id), strict=True)
    # In one order, whatever the client's is: the same labels twice would spoil the whole page.
    return (*whose, *sorted(labels.items()))


def _letters(text: str) -> str:
    """With what Prometheus takes in a name."""
    return text.encode("ascii", "replace").translate(_LETTERS).decode()
