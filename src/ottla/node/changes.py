"""What changed of topics, features and configs, in lines for the operator; told when this node
learns of it.

A secret's value is never told, nor that of a key that nobody knows: it may be one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from ottla.config.alteration import broker_row
from ottla.config.row import Row, client_metrics_rows, group_rows, topic_rows
from ottla.metadata.delta import MetadataDelta
from ottla.metadata.features import level_text
from ottla.metadata.image import (
    BROKER_RESOURCE,
    CLIENT_METRICS_RESOURCE,
    GROUP_RESOURCE,
    TOPIC_RESOURCE,
)
from ottla.metadata.resources import resource_text

_ROW: dict[int, Callable[[str], Row | None]] = {
    TOPIC_RESOURCE: lambda key: topic_rows().get(key),
    BROKER_RESOURCE: broker_row,
    CLIENT_METRICS_RESOURCE: lambda key: client_metrics_rows().get(key),
    GROUP_RESOURCE: lambda key: group_rows().get(key),
}


def changes(delta: MetadataDelta) -> Iterator[str]:
    """A line for each topic that came, went or grew, for each feature at another level, and for
    each resource with other configs.
    """
    for topic in delta.topics_deleted():
        yield f"topic {topic.name} is deleted"
    for topic in delta.topics_created():
        count = len(topic.partitions)
        replicas = len(topic.partitions[0].replicas) if count else 0
        yield f"topic {topic.name} is created: partitions {count}, replication factor {replicas}"
    for before, after in delta.topics_changed():
        if len(before.partitions) != len(after.partitions):
            counts = f"{len(after.partitions)} partitions, {len(before.partitions)} before"
            yield f"topic {after.name} has {counts}"
    for name in sorted(delta.features_changed):
        old, new = delta.previous.features.get(name, 0), delta.image.features.get(name, 0)
        if old != new:
            yield f"{name} is {level_text(name, new)} now, {level_text(name, old)} before"
    for kind, name in sorted(delta.configs_changed):
        line = _reconfigured(delta, kind, name)
        if line is not None:
            yield line


def _reconfigured(delta: MetadataDelta, kind: int, name: str) -> str | None:
    old = delta.previous.configs.get((kind, name), {})
    new = delta.image.configs.get((kind, name), {})
    keys = sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))
    if not keys:
        return None
    if kind == TOPIC_RESOURCE and name not in delta.image.topics.by_name:
        return None
    values = ", ".join(_value(kind, key, new) for key in keys)
    return f"the configs of {resource_text(kind, name)} changed: {values}"


def _value(kind: int, key: str, configs: Mapping[str, str]) -> str:
    if key not in configs:
        return f"{key} as by default"
    row = _ROW[kind](key) if kind in _ROW else None
    return f"{key} is set" if row is None or row.sensitive else f"{key}={configs[key]}"
