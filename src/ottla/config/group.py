"""Group configs: what a consumer, share or streams group may set for itself, within the broker's
bounds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ottla.config.broker import BrokerConfig
from ottla.config.refusal import ConfigException
from ottla.config.row import group_rows
from ottla.config.values import default_value, parse_value

OWN: Final = ("share.auto.offset.reset", "share.isolation.level", "share.renew.acknowledge.enable")
"""Keys that have no broker key as their default."""

_BOUNDED: Final = (
    "heartbeat.interval.ms",
    "session.timeout.ms",
    "assignment.interval.ms",
    "record.lock.duration.ms",
    "delivery.count.limit",
    "partition.max.record.locks",
)


def synonym(name: str) -> str | None:
    """The broker key that is the default of a group key."""
    return None if name in OWN else f"group.{name}"


def group_defaults(config: BrokerConfig) -> dict[str, Any]:
    """Every group key with the value of a group that says nothing itself."""
    return {
        name: default_value(row) if name in OWN else config[f"group.{name}"]
        for name, row in group_rows().items()
    }


def effective_group_config(config: BrokerConfig, configs: Mapping[str, str]) -> dict[str, Any]:
    """Every group key with its parsed value in force; `configs` is what the group sets."""
    rows = group_rows()
    values = group_defaults(config)
    values.update({n: parse_value(rows[n], v) for n, v in configs.items() if n in rows})
    return values


def validate_group_configs(configs: Mapping[str, str | None], config: BrokerConfig) -> None:
    """Check the whole set of configs that a group would have.

    Raises:
        ConfigException: Kafka would answer INVALID_CONFIG with this text.
    """
    rows = group_rows()
    for name in configs:
        if name not in rows:
            raise ConfigException(f"Unknown group config name: {name}")
    values = group_defaults(config)
    for name, row in rows.items():
        if name in configs:
            values[name] = parse_value(row, configs[name])
    for name, value in values.items():
        _within_bounds(name, value, config)
    for kind in ("consumer", "share", "streams"):
        interval, timeout = f"{kind}.heartbeat.interval.ms", f"{kind}.session.timeout.ms"
        if values[timeout] <= values[interval]:
            raise ConfigException(f"{timeout} must be greater than {interval}")


def _within_bounds(name: str, value: Any, config: BrokerConfig) -> None:
    kind, _, what = name.partition(".")
    if what in _BOUNDED:
        low, high = f"group.{kind}.min.{what}", f"group.{kind}.max.{what}"
        if value < config[low]:
            raise ConfigException(f"{name} must be greater than or equal to {low}")
        if value > config[high]:
            raise ConfigException(f"{name} must be less than or equal to {high}")
    elif what == "num.standby.replicas":
        high = f"group.{kind}.max.standby.replicas"
        if value > config[high]:
            raise ConfigException(f"{name} must be less than or equal to {high}")
