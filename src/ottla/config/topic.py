"""Topic configs: what a topic says itself, and what it gets from its broker where it says nothing.

Every topic key but a few has a broker key that is its default (`SYNONYMS`). Values in force come
from `effective_topic_config`; what may be set, and Kafka's words where it may not, from
`validate_topic_configs`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from ottla.config.refusal import ConfigException
from ottla.config.row import topic_rows
from ottla.config.values import default_value, parse_value

if TYPE_CHECKING:
    from ottla.config.broker import BrokerConfig

SYNONYMS: Final[dict[str, tuple[str, ...]]] = {
    "cleanup.policy": ("log.cleanup.policy",),
    "compression.gzip.level": ("compression.gzip.level",),
    "compression.lz4.level": ("compression.lz4.level",),
    "compression.type": ("compression.type",),
    "compression.zstd.level": ("compression.zstd.level",),
    "delete.retention.ms": ("log.cleaner.delete.retention.ms",),
    "file.delete.delay.ms": ("log.segment.delete.delay.ms",),
    "flush.messages": ("log.flush.interval.messages",),
    "flush.ms": ("log.flush.interval.ms", "log.flush.scheduler.interval.ms"),
    "follower.replication.throttled.replicas": (),
    "index.interval.bytes": ("log.index.interval.bytes",),
    "internal.segment.bytes": (),
    "leader.replication.throttled.replicas": (),
    "local.retention.bytes": ("log.local.retention.bytes",),
    "local.retention.ms": ("log.local.retention.ms",),
    "max.compaction.lag.ms": ("log.cleaner.max.compaction.lag.ms",),
    "max.message.bytes": ("message.max.bytes",),
    "message.timestamp.after.max.ms": ("log.message.timestamp.after.max.ms",),
    "message.timestamp.before.max.ms": ("log.message.timestamp.before.max.ms",),
    "message.timestamp.type": ("log.message.timestamp.type",),
    "min.cleanable.dirty.ratio": ("log.cleaner.min.cleanable.ratio",),
    "min.compaction.lag.ms": ("log.cleaner.min.compaction.lag.ms",),
    "min.insync.replicas": ("min.insync.replicas",),
    "preallocate": ("log.preallocate",),
    "remote.log.copy.disable": (),
    "remote.log.delete.on.disable": (),
    "remote.storage.enable": (),
    "retention.bytes": ("log.retention.bytes",),
    "retention.ms": ("log.retention.ms", "log.retention.minutes", "log.retention.hours"),
    "segment.bytes": ("log.segment.bytes",),
    "segment.index.bytes": ("log.index.size.max.bytes",),
    "segment.jitter.ms": ("log.roll.jitter.ms", "log.roll.jitter.hours"),
    "segment.ms": ("log.roll.ms", "log.roll.hours"),
    "unclean.leader.election.enable": ("unclean.leader.election.enable",),
}
"""Topic key to the broker keys that say its default, the strongest first."""


def topic_defaults(config: BrokerConfig) -> dict[str, Any]:
    """Every topic key with the value that a topic has which says nothing itself."""
    rows = topic_rows()
    return {
        name: config[synonyms[0]] if synonyms else default_value(rows[name])
        for name, synonyms in SYNONYMS.items()
    }


def effective_topic_config(config: BrokerConfig, configs: Mapping[str, str]) -> dict[str, Any]:
    """Every topic key with its parsed value in force; `configs` is what the topic sets."""
    values = topic_defaults(config)
    values.update(parse_topic_configs(configs))
    return values


CHECKED_BY_BROKERS = frozenset(
    f"confluent.{part}.{name}"
    for part in ("key", "value")
    for name in ("schema.validation", "subject.name.strategy")
)
"""Keys by which Confluent's brokers check records against a schema registry."""


def parse_topic_configs(configs: Mapping[str, str]) -> dict[str, Any]:
    """The parsed values of what a topic sets; keys that no topic has are left out."""
    rows = topic_rows()
    return {name: parse_value(rows[name], configs[name]) for name in configs if name in rows}


def validate_topic_configs(configs: Mapping[str, str | None], config: BrokerConfig) -> None:
    """Check the whole set of configs that a topic would have.

    Raises:
        ConfigException: Kafka would answer INVALID_CONFIG with this text.
    """
    rows = topic_rows()
    without_value = [name for name, value in configs.items() if value is None]
    if without_value:
        names = ",".join(without_value)
        raise ConfigException(f"Null value not supported for topic configs: {names}")
    for name in configs:
        if name in CHECKED_BY_BROKERS:
            raise ConfigException(
                f"{name} is not honoured: this broker does not look into records",
                "the schema registry checks for clients that ask it: their serializers",
            )
        if name not in rows:
            raise ConfigException(f"Unknown topic config name: {name}", _nearest(name))
    values = topic_defaults(config)
    values.update(
        {name: parse_value(rows[name], configs[name]) for name in rows if name in configs}
    )
    low, high = values["min.compaction.lag.ms"], values["max.compaction.lag.ms"]
    if low > high:
        raise ConfigException(
            f"conflict topic config setting min.compaction.lag.ms ({low}) > "
            f"max.compaction.lag.ms ({high})"
        )
    if values["remote.storage.enable"]:
        raise ConfigException(
            "Tiered Storage functionality is disabled in the broker. "
            "Topic cannot be configured with remote log storage."
        )


def _nearest(name: str) -> str | None:
    from ottla.config.nearest import nearest

    found = nearest(name, topic_rows())
    return f"did you mean {found}?" if found else None
