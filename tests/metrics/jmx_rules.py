"""What jmx_exporter's public KRaft rules (`kafka-kraft-3_0_0`) make of an MBean's attribute.

The rules are tried in order and the first that fits decides; a rule may fit anywhere in the text
`DOMAIN<KEYS><>ATTRIBUTE: VALUE`. Here they are told as conditions rather than as its patterns.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

FIRST_WORD: Final = re.compile("[a-z-]+")
PERCENTILE: Final = re.compile(r"(\d+)thPercentile")


class Attribute(NamedTuple):
    """One attribute of one MBean."""

    domain: str
    keys: tuple[tuple[str, str], ...]
    """In the order in which the MBean's name has them."""
    name: str
    value: str


class Metric(NamedTuple):
    """The series that it becomes."""

    name: str
    kind: str
    labels: tuple[tuple[str, str], ...]


def metric(of: Attribute) -> Metric | None:
    """What the rules make of it, None if they leave it out."""
    if of.name != "current-state" and not _is_number(of.value):
        return None
    head, _, area = of.domain.partition(".")
    keys = [name for name, _ in of.keys]
    if head != "kafka" or keys[:1] != ["type"]:
        return None
    if area == "server":
        found = _of_server(of, keys)
        if found is not None:
            return found
    if "." in area:
        return _of_coordinator(of, area, keys)
    return _generic(of, area) if keys[1:2] == ["name"] else None


def _of_server(of: Attribute, keys: list[str]) -> Metric | None:
    """What is special of kafka.server: fetchers, and Kafka's own metrics, in small letters."""
    values = [value for _, value in of.keys]
    kind = f"kafka_server_{values[0]}"
    if of.name == "Value" and keys == ["type", "name", "clientId", "topic", "partition"]:
        return _named(f"{kind}_{values[1]}", "gauge", of.keys[2:])
    if of.name == "Value" and keys == ["type", "name", "clientId", "brokerHost", "brokerPort"]:
        labels = (("clientId", values[2]), ("broker", ":".join(values[3:])))
        return _named(f"{kind}_{values[1]}", "gauge", labels)
    if keys == ["type"] and values[0] == "raft-metrics" and of.name == "current-state":
        return _named(f"{kind}_current_state_info", "gauge", (("state", of.value),))
    word = FIRST_WORD.match(of.name)
    if word is None:
        return None
    # All keys after the type become part of the name, values included.
    rest = "".join(f", {name}={value}" for name, value in of.keys[1:])
    before, total, _ = of.name.rpartition("-total")
    if total and FIRST_WORD.fullmatch(before):
        return _named(f"{kind}{rest}_{before}_total", "counter", ())
    return _named(f"{kind}{rest}_{word[0]}", "gauge", ())


def _of_coordinator(of: Attribute, area: str, keys: list[str]) -> Metric | None:
    head, _, kind = area.partition(".")
    if head != "coordinator" or "." in kind or keys[1:2] != ["name"] or of.name != "Value":
        return None
    rest = "".join(f", {name}={value}" for name, value in of.keys[2:])
    name = f"kafka_coordinator_{kind}_{of.keys[0][1]}_{of.keys[1][1]}{rest}"
    return _named(name, "gauge", ())


def _generic(of: Attribute, area: str) -> Metric | None:
    """Meters, gauges and histograms; of more than two labels the last two are labels."""
    kind, name = of.keys[0][1], of.keys[1][1]
    labels = of.keys[2:]
    if len(labels) > 2:
        raise ValueError(f"no rule was needed for so many labels: {of}")
    head = f"kafka_{area}_{kind}_"
    rate, per_second, _ = name.rpartition("PerSec")
    if per_second and of.name == "Count":
        return _named(f"{head}{rate}_total", "counter", labels)
    if of.name == "Value":
        return _named(head + name, "gauge", labels)
    if of.name == "Count":
        return _named(f"{head}{name}_count", "counter", labels)
    percentile = PERCENTILE.fullmatch(of.name)
    if percentile is not None:
        return _named(head + name, "gauge", (*labels, ("quantile", f"0.{percentile[1]}")))
    before, percent, _ = name.rpartition("Percent")
    if percent and of.name == "MeanRate" and not labels:
        return _named(f"{head}{before}_percent", "gauge", ())
    return None


def _named(name: str, kind: str, labels: tuple[tuple[str, str], ...]) -> Metric:
    """Letters, digits and single underscores, in small letters; a label's name keeps its own."""
    safe = re.sub("_+", "_", re.sub("[^a-zA-Z0-9_]", "_", name)).lower()
    return Metric(safe, kind, tuple((re.sub("[^a-zA-Z0-9_]", "_", key), v) for key, v in labels))


def _is_number(value: str) -> bool:
    if value in ("true", "false"):
        return True
    try:
        float(value)
    except ValueError:
        return False
    return True
