"""Changes of configs while the cluster runs: the four operations, and what of a broker may change.

`altered` works out the new set of one resource; the resource's own rules then judge that set
(`validate_topic_configs`, `validate_group_configs`, `validate_broker_change`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import Any, Final

from ottla.config.broker import MOVES_RATE, BrokerConfig
from ottla.config.connections import OF_LISTENERS, of_listener
from ottla.config.refusal import ConfigException
from ottla.config.row import REFUSED, Row, broker_rows
from ottla.config.values import parse_value, render, split_list

SET: Final = 0
DELETE: Final = 1
APPEND: Final = 2
SUBTRACT: Final = 3
OPERATIONS: Final = ("SET", "DELETE", "APPEND", "SUBTRACT")

PER_LISTENER_ALONE: Final = frozenset(
    (
        "ssl.key.password",
        "ssl.keystore.certificate.chain",
        "ssl.keystore.key",
        "ssl.keystore.location",
        "ssl.keystore.password",
        "ssl.keystore.type",
        "ssl.truststore.certificates",
        "ssl.truststore.location",
        "ssl.truststore.password",
        "ssl.truststore.type",
    )
)
"""Keys that a running broker takes for one listener only."""

DYNAMIC_ALONE: Final = {
    name: Row(f"{name} LONG 9223372036854775807 [0,...] medium cluster {stance}")
    for name, stance in (
        ("follower.replication.throttled.rate", "one-node"),
        ("leader.replication.throttled.rate", "one-node"),
        (MOVES_RATE, "yes"),
    )
}
"""Keys of a Kafka broker that no file can set."""


def broker_row(name: str) -> Row | None:
    """The row of a key that brokers have, in a file or while they run."""
    return broker_rows().get(name) or DYNAMIC_ALONE.get(name)


AT_THE_START: Final = {
    "listener.security.protocol.map": "listeners are bound when the node starts",
    "listeners": "listeners are bound when the node starts",
    "num.network.threads": "the threads that serve connections are started with the node",
}
"""Honoured keys that Apache Kafka changes in a running broker and we don't, and why."""

Operation = tuple[int, str, str | None]
"""What to do (SET, DELETE, APPEND, SUBTRACT), the key, the value."""


def altered(
    rows: Mapping[str, Row],
    current: Mapping[str, str],
    operations: Sequence[Operation],
    *,
    inherited: Mapping[str, Any],
    broker: bool = False,
) -> dict[str, str]:
    """The configs that a resource would have after these operations.

    `current` is what it sets now; `inherited` has the values (as `effective_topic_config` or
    BrokerConfig give them) that APPEND and SUBTRACT begin with where it sets nothing.

    Raises:
        ConfigException: an operation does not fit the type of its key.
    """
    changed = dict(current)
    for operation, name, value in operations:
        if operation == SET and value is not None:
            changed[name] = value
        elif operation == DELETE:
            changed.pop(name, None)
        elif operation in (APPEND, SUBTRACT):
            _must_be_list(rows.get(name), operation, name, broker=broker)
            start = changed[name] if name in changed else render(inherited[name]) or ""
            changed[name] = _merged(split_list(start), split_list(value or ""), operation)
    return changed


def _must_be_list(row: Row | None, operation: int, name: str, *, broker: bool) -> None:
    if row is not None and row.type == "LIST":
        return
    what = OPERATIONS[operation]
    if not broker:
        raise ConfigException(f"Can't {what} to key {name} because its type is not LIST.")
    if row is None:
        raise ConfigException(f"Unknown config name: {name}")
    raise ConfigException(f"Config value {what.lower()} is not allowed for config key: {name}")


def _merged(start: tuple[str, ...], given: tuple[str, ...], operation: int) -> str:
    if operation == APPEND:
        there = set(start)
        return ",".join([*start, *(g for g in given if g not in there)])
    gone = set(given)
    return ",".join(s for s in start if s not in gone)


def validate_broker_change(
    config: BrokerConfig,
    wanted: Mapping[str, str],
    *,
    per_broker: bool,
    current: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Check the dynamic configs that a broker, or as a default every broker, would have.

    What this node can't change while it runs is refused by name, unless it is set already, as in a
    folder of Apache Kafka's. A key that no broker has is stored, as there, and the log names it.

    Raises:
        ConfigException: Kafka would answer INVALID_REQUEST with this text, or we can't do it.
    """
    rows = dynamic_rows()
    fixed = [n for n in wanted if n not in rows and n in broker_rows()]
    if fixed:
        raise ConfigException(f"Cannot update these configs dynamically: [{', '.join(fixed)}]")
    secured = [n for n in wanted if n in PER_LISTENER_ALONE]
    if secured:
        raise ConfigException(
            "These security configs can be dynamically updated only per-listener using the "
            f"listener prefix: [{', '.join(secured)}]"
        )
    for name, value in wanted.items():
        row = rows.get(of_listener(name)[1])
        if row is not None:
            parse_value(row, value)
    if not per_broker:
        _only_cluster_wide(wanted)
    layers = {"cluster": config.cluster_dynamic, "broker": config.dynamic}
    layers["broker" if per_broker else "cluster"] = dict(wanted)
    _keeps_the_rules(config.with_dynamic(**layers))
    for name, value in wanted.items():
        reason = why_without_effect(name)
        if reason is not None and current.get(name) != value:
            raise ConfigException(f"{name} can't be {reason}")


def _only_cluster_wide(wanted: Mapping[str, str]) -> None:
    rows = broker_rows()
    per_broker = [
        n
        for n in wanted
        if (n in rows and rows[n].scope == "broker")
        or (n.startswith("listener.name.") and of_listener(n)[1] not in _FOR_ALL_LISTENERS)
    ]
    if per_broker:
        raise ConfigException(
            "Cannot update these configs at default cluster level, broker id must be specified: "
            f"[{', '.join(per_broker)}]"
        )


_FOR_ALL_LISTENERS: Final = (*OF_LISTENERS, "num.network.threads")
"""Keys of a listener that may be set for all brokers."""


def _keeps_the_rules(config: BrokerConfig) -> None:
    from ottla.config.rules import broken_rules

    for broken in broken_rules(config):
        prefix = "requirement failed: " if broken.required else ""
        raise ConfigException(prefix + broken.text, broken.hint)


@cache
def dynamic_rows() -> dict[str, Row]:
    """Every key that Apache Kafka 4.3.1 changes in a running broker."""
    rows = {name: row for name, row in broker_rows().items() if row.dynamic}
    return {**rows, **DYNAMIC_ALONE}


def changes_while_running(name: str) -> bool:
    """Whether a change of this broker key takes effect in a running node."""
    listener, key = of_listener(name)
    row = dynamic_rows().get(key)
    if row is None or (listener and key not in OF_LISTENERS):
        return False
    return row.honoured and key not in AT_THE_START


def is_unknown(name: str) -> bool:
    """Whether no broker has such a key: as Kafka does we keep what is set for it, unread.

    Keys of one listener and those of `DYNAMIC_ALONE` are known, though they have no row.
    """
    known = name in broker_rows() or name in DYNAMIC_ALONE
    return not known and not name.startswith("listener.name.")


def why_without_effect(name: str) -> str | None:
    """Why a running node can't take a change of this key, as the end of "KEY can't be ..."; None
    if it can, or if no broker has the key.
    """
    if changes_while_running(name) or is_unknown(name):
        return None
    row = dynamic_rows().get(of_listener(name)[1])
    if row is None:
        return "set: nothing here would go by it"
    if not row.honoured:
        return f"set: {row.stance.removeprefix(REFUSED)}"
    if name in AT_THE_START:
        return f"changed while the node runs, as {AT_THE_START[name]}"
    return "set for one listener: nothing here would go by it"
