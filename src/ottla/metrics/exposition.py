"""A snapshot of numbers as the text that Prometheus reads (format 0.0.4).

The snapshot is a plain mapping: the core's counters under the names that `_core.Node.metrics` gives
them, and what the node adds. This is a pure function of it: no clock, no state, the same text for
the same numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from types import MappingProxyType
from typing import Final, NamedTuple

from ottla.metrics.rows import Row, rows
from ottla.wire.api import apis
from ottla.wire.errors import ErrorCode

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

_ESCAPES: Final = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})


EMPTY: Final[Mapping[str, str]] = MappingProxyType({})

Labels = tuple[tuple[str, str], ...]


class Family(NamedTuple):
    """All series of one name that is not known beforehand."""

    name: str
    kind: str
    """counter or gauge."""
    help: str
    samples: list[tuple[Labels, float]]


def exposition(
    snapshot: Mapping[str, float],
    families: Iterable[Family] = (),
    series: Mapping[str, str] = EMPTY,
) -> str:
    """All metrics that the snapshot has a value for, or `series` lines, then these families."""
    by_prefix = _grouped(snapshot)
    lines: list[str] = []
    for row in rows():
        text = series.get(row.name, "")
        if text:
            samples = [text.rstrip("\n")]
        elif row.kind == "histogram":
            samples = list(_histogram(row, snapshot, by_prefix))
        else:
            samples = list(_samples(row, snapshot, by_prefix))
        if samples:
            lines.append(f"# HELP {row.name} {row.help}")
            lines.append(f"# TYPE {row.name} {row.kind}")
            lines += samples
    for family in families:
        text = family.help.replace("\\", "\\\\").replace("\n", "\\n")
        lines.append(f"# HELP {family.name} {text}")
        lines.append(f"# TYPE {family.name} {family.kind}")
        for labels, value in family.samples:
            inside = ",".join(f'{key}="{escaped(text)}"' for key, text in labels)
            lines.append(f"{family.name}{{{inside}}} {_number(value)}")
    return "\n".join(lines) + "\n"


def escaped(text: str) -> str:
    """As a label's value stands between its quotes."""
    return text.translate(_ESCAPES)


def _grouped(snapshot: Mapping[str, float]) -> dict[str, list[tuple[str, float]]]:
    """The names of the snapshot that end in a label's value, by what comes before it."""
    prefixes = {row.source for row in rows() if row.labels}
    found: dict[str, list[tuple[str, float]]] = {}
    for name, value in snapshot.items():
        for end in (_nth_dot(name, 2), _nth_dot(name, 1)):
            if name[:end] in prefixes:
                found.setdefault(name[:end], []).append((name[end:], value))
                break
    return found


def _nth_dot(name: str, count: int) -> int:
    """Where the text after the nth dot begins, 0 if there are fewer."""
    at = 0
    for _ in range(count):
        at = name.find(".", at) + 1
        if at == 0:
            return 0
    return at


def _samples(
    row: Row, snapshot: Mapping[str, float], by_prefix: Mapping[str, list[tuple[str, float]]]
) -> Iterator[str]:
    if not row.labels:
        if row.source in snapshot:
            yield f"{row.name} {_number(snapshot[row.source])}"
        return
    found = by_prefix.get(row.source, [])
    if row.summed:
        total = snapshot.get(f"topics.{row.source.split('.')[1]}")
        if total is not None:
            yield f"{row.name} {_number(total)}"
    for text, value in sorted(found):
        values = text.split("/", len(row.labels) - 1)
        firsts = _request_names(values[0], row) if row.labels[0] == "request" else (values[0],)
        if row.labels[-1] == "error":
            values[-1] = _error_name(values[-1])
        for first in firsts:
            shown = ",".join(
                f'{label}="{escaped(one)}"'
                for label, one in zip(row.labels, (first, *values[1:]), strict=True)
            )
            yield f"{row.name}{{{shown}}} {_number(value)}"


def _histogram(
    row: Row, snapshot: Mapping[str, float], by_prefix: Mapping[str, list[tuple[str, float]]]
) -> Iterator[str]:
    """The buckets of each label's value; the sum is in the snapshot beside them."""
    (label,) = row.labels
    found: dict[str, list[tuple[float, str, float]]] = {}
    for text, value in by_prefix.get(row.source, []):
        key, _, bound = text.rpartition("/")
        found.setdefault(key, []).append((float(bound), bound, value))
    for key, buckets in sorted(found.items()):
        (name,) = _request_names(key, row)
        shown = f'{label}="{escaped(name)}"'
        buckets.sort()
        for _, bound, value in buckets:
            yield f'{row.name}_bucket{{{shown},le="{bound}"}} {_number(value)}'
        total = snapshot.get(f"{row.source.removesuffix('.')}_sum.{key}", 0.0)
        yield f"{row.name}_sum{{{shown}}} {_number(total)}"
        yield f"{row.name}_count{{{shown}}} {_number(buckets[-1][2])}"


@cache
def _names() -> dict[str, str]:
    return {str(api.key): api.name for api in apis()}


def _request_names(key: str, row: Row) -> tuple[str, ...]:
    """The names for an API's number. Kafka's own metrics count a consumer's Fetch under two."""
    name = _names().get(key, key)
    twice = name == "Fetch" and row.name.startswith("kafka_")
    return (name, "FetchConsumer") if twice else (name,)


def _error_name(code: str) -> str:
    try:
        return ErrorCode(int(code)).name
    except ValueError:
        return code


def _number(value: float) -> str:
    if value != value or value in (float("inf"), float("-inf")):
        return {"nan": "NaN", "inf": "+Inf", "-inf": "-Inf"}[str(value)]
    return str(int(value)) if value == int(value) else repr(float(value))
