"""Changes of configs while the cluster runs: the four operations, and what of a broker may change.

`altered` works out the new set of one resource; the resource's own rules then judge that set
(`validate_topic_configs`, `validate_group_configs`, `validate_broker_change`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ottla.config.broker import MOVES_RATE, BrokerConfig
from ottla.config.refusal import ConfigException, RequirementFailed
from ottla.config.row import REFUSED, Row, broker_rows
from ottla.config.topic import SYNONYMS
from ottla.config.values import parse_value, render, split_list

SET: Final = 0
DELETE: Final = 1
APPEND: Final = 2
SUBTRACT: Final = 3
OPERATIONS: Final = ("SET", "DELETE", "APPEND", "SUBTRACT")

SECURITY_PREFIXES: Final = ("sasl.", "ssl.")

DYNAMIC_ALONE: Final = frozenset(
    (
        "follower.replication.throttled.rate",
        "leader.replication.throttled.rate",
        MOVES_RATE,
    )
)
"""Keys of a Kafka broker that no file can set."""

_REQUIRED: Final = frozenset(("cordoned.log.dirs",))
"""Keys whose broken rules 4.3.1 words with `requirement failed: ` before."""

_MOVES_RATE_ROW: Final = Row(f"{MOVES_RATE} LONG - [0,...] medium")

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
    config: BrokerConfig, wanted: Mapping[str, str], *, per_broker: bool
) -> None:
    """Check the dynamic configs that a broker, or as a default every broker, would have.

    What this node can't change while it runs is refused by name; a key that no broker has is
    stored, as in Apache Kafka, and the log names it.

    Raises:
        ConfigException: Kafka would answer INVALID_REQUEST with this text, or we can't do it.
    """
    rows = broker_rows()
    fixed = [n for n in wanted if n in rows and not rows[n].dynamic]
    if fixed:
        raise ConfigException(f"Cannot update these configs dynamically: [{', '.join(fixed)}]")
    secured = [n for n in wanted if n.startswith(SECURITY_PREFIXES)]
    if secured:
        raise ConfigException(
            "These security configs can be dynamically updated only per-listener using the "
            f"listener prefix: [{', '.join(secured)}]"
        )
    for name, value in wanted.items():
        if name in rows:
            parse_value(rows[name], value)
        elif name == MOVES_RATE:
            parse_value(_MOVES_RATE_ROW, value)
    if not per_broker:
        _only_cluster_wide(wanted)
    for name in wanted:
        if not changes_while_running(name) and not is_unknown(name):
            raise ConfigException(_why_not(name))
    layers = {"cluster": config.cluster_dynamic, "broker": config.dynamic}
    layers["broker" if per_broker else "cluster"] = dict(wanted)
    _keeps_the_rules(config.with_dynamic(**layers))


def _only_cluster_wide(wanted: Mapping[str, str]) -> None:
    rows = broker_rows()
    per_broker = [
        n
        for n in wanted
        if (n in rows and rows[n].scope == "broker")
        or (n.startswith("listener.name.") and any(f".{p}" in n for p in SECURITY_PREFIXES))
    ]
    if per_broker:
        raise ConfigException(
            "Cannot update these configs at default cluster level, broker id must be specified: "
            f"[{', '.join(per_broker)}]"
        )


def _keeps_the_rules(config: BrokerConfig) -> None:
    from ottla.config.rules import broken_rules

    for broken in broken_rules(config):
        kind = RequirementFailed if broken.key in _REQUIRED else ConfigException
        raise kind(broken.text, broken.hint)


def changes_while_running(name: str) -> bool:
    """Whether a change of this broker key takes effect in a running node.

    Today these are the defaults of topic configs, how long producers are remembered, and what is
    about moving partitions between log directories.
    """
    if name == MOVES_RATE:
        return True
    row = broker_rows().get(name)
    if row is None or not row.dynamic or not row.honoured:
        return False
    of_logs = any(name in synonyms for synonyms in SYNONYMS.values())
    return of_logs or name in ("producer.id.expiration.ms", "cordoned.log.dirs")


def is_unknown(name: str) -> bool:
    """Whether no broker has such a key: as Kafka does we keep what is set for it, unread.

    Keys of one listener and those of `DYNAMIC_ALONE` are known, though they have no row.
    """
    known = name in broker_rows() or name in DYNAMIC_ALONE
    return not known and not name.startswith("listener.name.")


def _why_not(name: str) -> str:
    row = broker_rows().get(name)
    if row is None:
        return f"{name} can't be set: nothing here would go by it"
    if not row.honoured:
        return f"{name} can't be set: {row.stance.removeprefix(REFUSED)}"
    return f"{name} can't be changed while the broker runs yet; set it in the properties file"
