"""What changed of topics and configs, in lines for the operator; told when this node learns of it.

Of brokers' configs only the names are told: a value may be a secret.
"""

from __future__ import annotations

from collections.abc import Iterator

from ottla.metadata.delta import MetadataDelta
from ottla.metadata.image import BROKER_RESOURCE, TOPIC_RESOURCE


def changes(delta: MetadataDelta) -> Iterator[str]:
    """A line for each topic that came, went or grew, and for each resource with other configs."""
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
    if kind == BROKER_RESOURCE:
        whose = f"broker {name}" if name else "all brokers"
        return f"the configs of {whose} changed: {', '.join(keys)}"
    if kind != TOPIC_RESOURCE or name not in delta.image.topics.by_name:
        return None
    values = (f"{key}={new[key]}" if key in new else f"{key} as by default" for key in keys)
    return f"the configs of topic {name} changed: {', '.join(values)}"
