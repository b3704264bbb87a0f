"""Rules that several broker keys must keep together. Every rule is Apache Kafka 4.3.1's, in its
words; but what it says of log directories that are one, or one within another, it says when it
loads their logs.

A rule is a function of the configuration that returns what is wrong, or None. They run only when
each value by itself is right.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from posixpath import normpath
from typing import Final, NamedTuple

from ottla.config.broker import ALL_DIRS, BrokerConfig
from ottla.config.connections import per_ip_overrides
from ottla.config.refusal import ConfigException

COMPRESSION_CODECS: Final = (0, 1, 2, 3, 4)
MEBIBYTE: Final = 1048576


class Broken(NamedTuple):
    """A rule that is not kept: the key to look at, what is wrong, what to do."""

    key: str
    text: str
    hint: str | None = None
    required: bool = True
    """Whether Apache Kafka puts `requirement failed: ` before its words when a running broker is
    told.
    """


Rule = Callable[[BrokerConfig], Broken | None]


def broken_rules(config: BrokerConfig) -> Iterator[Broken]:
    """What is wrong with the configuration as a whole."""
    for rule in RULES:
        try:
            found = rule(config)
        except ConfigException as refused:
            key = _KEY_OF_RULE.get(rule, "")
            found = Broken(key, refused.text, refused.hint, required=False)
        if found is not None:
            yield found
    for low, high in _ordered_pairs():
        text = f"{high} must be greater than or equal to {low}"
        if config[low] > config[high]:
            yield Broken(high, text, required=False)
    for value, low, high in _bounded():
        if config[value] < config[low]:
            text = f"{value} must be greater than or equal to {low}"
            yield Broken(value, text, required=False)
        if config[value] > config[high]:
            text = f"{value} must be less than or equal to {high}"
            yield Broken(value, text, required=False)


def _same_id(config: BrokerConfig) -> Broken | None:
    if config["broker.id"] != config["node.id"]:
        return Broken("node.id", "You must set `node.id` to the same value as `broker.id`.")
    return None


def _some_quorum(config: BrokerConfig) -> Broken | None:
    if config["controller.quorum.voters"] or config["controller.quorum.bootstrap.servers"]:
        return None
    return Broken(
        "controller.quorum.bootstrap.servers",
        "If using process.roles, either controller.quorum.bootstrap.servers must contain the set "
        "of bootstrap controllers or controller.quorum.voters must contain a parseable set of "
        "controllers.",
        "for one node: controller.quorum.bootstrap.servers=localhost:9093",
    )


def _in_quorum(config: BrokerConfig) -> Broken | None:
    ids = [voter.id for voter in config.voters]
    shown = f"controller.quorum.voters=Set({', '.join(map(str, ids))})"
    node, roles = config.node_id, config.process_roles
    if ids and "controller" in roles and node not in ids:
        text = (
            f"If process.roles contains the 'controller' role, the node id {node} must be included "
            f"in the set of voters {shown}"
        )
        return Broken("controller.quorum.voters", text)
    if roles == ("broker",) and node in ids:
        text = (
            f"If process.roles contains just the 'broker' role, the node id {node} must not be "
            f"included in the set of voters {shown}"
        )
        return Broken("process.roles", text)
    return None


def _protocol_map(config: BrokerConfig) -> Broken | None:
    found = config.protocol_map
    name = config["inter.broker.listener.name"]
    if name is None:
        return None
    if name == "":
        return Broken(
            "inter.broker.listener.name", "The provided listener name is null or empty string"
        )
    if "security.inter.broker.protocol" in config.explicit:
        text = (
            "Only one of inter.broker.listener.name and security.inter.broker.protocol "
            "should be set."
        )
        return Broken("inter.broker.listener.name", text)
    if name.upper() not in found:
        text = (
            f"Listener with name {name.upper()} defined in inter.broker.listener.name not found in "
            "listener.security.protocol.map."
        )
        return Broken("inter.broker.listener.name", text)
    return None


def _listeners(config: BrokerConfig) -> Broken | None:
    names = [endpoint.listener for endpoint in config.listeners]
    controllers = config.controller_listener_names
    if "controller" not in config.process_roles:
        return None
    if config.process_roles == ("controller",):
        if set(names) - set(controllers):
            return Broken(
                "listeners",
                "The listeners config must only contain KRaft controller listeners from "
                "controller.listener.names when process.roles=controller",
            )
        return None
    subject = "appearing in the 'listeners' configuration when running the KRaft controller role"
    if not set(names) & set(controllers):
        text = f"controller.listener.names must contain at least one value {subject}"
        hint = f"add a listener for it, such as {(*controllers, 'CONTROLLER')[0]}://:9093"
        return Broken("controller.listener.names", text, hint)
    if set(controllers) - set(names):
        text = f"controller.listener.names must only contain values {subject}"
        return Broken("controller.listener.names", text)
    return None


def _advertised(config: BrokerConfig) -> Broken | None:
    key = "advertised.listeners"
    advertised = config.advertised_listeners
    controllers = config.controller_listener_names
    if config.process_roles == ("controller",):
        return None
    for endpoint in advertised or ():
        if endpoint.host == "0.0.0.0":
            text = (
                "advertised.listeners cannot use the nonroutable meta-address 0.0.0.0. "
                "Use a routable IP address."
            )
            return Broken(key, text)
    names = [
        e.listener
        for e in (config.listeners if advertised is None else advertised)
        if e.listener not in controllers
    ]
    if not names:
        text = (
            "There must be at least one broker advertised listener. "
            "Perhaps all listeners appear in controller.listener.names?"
        )
        return Broken(key, text)
    if config.inter_broker_listener not in names:
        text = (
            "inter.broker.listener.name must be a listener name defined in advertised.listeners. "
            f"The valid options based on currently configured listeners are {','.join(names)}"
        )
        return Broken("inter.broker.listener.name", text, f"set it to {names[0]}")
    return None


def _early_start(config: BrokerConfig) -> Broken | None:
    known = {e.listener for e in config.listeners} | set(config.controller_listener_names)
    for name in config["early.start.listeners"] or ():
        if name.upper() not in known:
            text = (
                f"early.start.listeners contains listener {name.upper()}, but this is not "
                "contained in listeners or controller.listener.names"
            )
            return Broken("early.start.listeners", text)
    return None


def _times(config: BrokerConfig) -> Broken | None:
    if config["log.roll.ms"] < 1:
        return Broken("log.roll.ms", "log.roll.ms must be greater than or equal to 1")
    if config["log.roll.jitter.ms"] < 0:
        return Broken("log.roll.jitter.ms", "log.roll.jitter.ms must be greater than or equal to 0")
    if config["log.retention.ms"] == 0:
        text = "log.retention.ms must be unlimited (-1) or, greater than or equal to 1"
        hint = "a zero of log.retention.minutes or log.retention.hours counts here as well"
        return Broken("log.retention.ms", text, hint)
    return None


def _connections(config: BrokerConfig) -> Broken | None:
    key = "max.connections.per.ip.overrides"
    per_ip_overrides(config[key])
    if config["max.connections.per.ip"] == 0 and not config[key]:
        text = f"max.connections.per.ip can be set to zero only if {key} property is set."
        return Broken("max.connections.per.ip", text)
    return None


def _request_memory(config: BrokerConfig) -> Broken | None:
    key = "queued.max.request.bytes"
    if 0 < config[key] < config["socket.request.max.bytes"]:
        text = f"{key} must be larger or equal to socket.request.max.bytes"
        return Broken(key, text, "leave the line out: the node then bounds its memory by itself")
    return None


def _cleaner(config: BrokerConfig) -> Broken | None:
    key = "log.cleaner.dedupe.buffer.size"
    threads = config["log.cleaner.threads"]
    if not threads:
        text = "log.cleaner.threads must be at least 1: without one nothing is compacted"
        return Broken(
            "log.cleaner.threads", text, "log.cleaner.enable=false says so, if that is meant"
        )
    for factor in ("log.cleaner.io.buffer.load.factor", "log.cleaner.io.max.bytes.per.second"):
        if not config[factor] > 0:
            return Broken(factor, f"{factor} must be above 0: else nothing is compacted")
    if config[key] // threads <= MEBIBYTE:
        text = f"{key} must be at least 1MB per cleaner thread."
        return Broken(key, text, f"log.cleaner.threads is {threads}")
    return None


def _replicas(config: BrokerConfig) -> Broken | None:
    wait = "replica.fetch.wait.max.ms"
    if config[wait] > config["replica.socket.timeout.ms"]:
        text = (
            f"replica.socket.timeout.ms should always be at least {wait} to prevent unnecessary "
            "socket timeouts"
        )
        return Broken("replica.socket.timeout.ms", text)
    if config[wait] > config["replica.lag.time.max.ms"]:
        text = (
            f"{wait} should always be less than or equal to replica.lag.time.max.ms to prevent "
            "frequent changes in ISR"
        )
        return Broken(wait, text)
    return None


def _offsets_codec(config: BrokerConfig) -> Broken | None:
    for key in (
        "offsets.topic.compression.codec",
        "share.coordinator.state.topic.compression.codec",
    ):
        if config[key] not in COMPRESSION_CODECS:
            text = f"Unknown compression type id: {config[key]}"
            return Broken(
                key, text, f"{key} is 0 (none), 1 (gzip), 2 (snappy), 3 (lz4) or 4 (zstd)"
            )
    return None


def _group_protocols(config: BrokerConfig) -> Broken | None:
    key = "group.coordinator.rebalance.protocols"
    if "classic" not in config[key]:
        return Broken(key, "Disabling the 'classic' protocol is not supported.")
    return None


def _one_place_each(config: BrokerConfig) -> Broken | None:
    folders = [normpath(folder) for folder in config.log_dirs]
    twice = [folder for folder in config.log_dirs if folders.count(normpath(folder)) > 1]
    if twice:
        return Broken("log.dirs", f"Duplicate log directory found: {', '.join(twice)}")
    for folder in folders:
        within = [outer for outer in folders if folder.startswith(outer.rstrip("/") + "/")]
        if within:
            text = f"log.dirs: {folder} is within {within[0]}, which may hold partitions alone"
            return Broken("log.dirs", text)
    return None


def _cordoned(config: BrokerConfig) -> Broken | None:
    key = "cordoned.log.dirs"
    cordoned = config[key] or ()
    if ALL_DIRS in cordoned and len(cordoned) > 1:
        text = f"When {key} is set to {ALL_DIRS}, it must not contain other values"
        return Broken(key, text)
    missing = [folder for folder in cordoned if folder not in config.log_dirs]
    if missing and cordoned != (ALL_DIRS,):
        text = (
            f"All entries in {key} must be present in log.dirs or log.dir. "
            f"Missing entries : {','.join(missing)}"
        )
        return Broken(key, text)
    return None


def _ordered_pairs() -> Iterator[tuple[str, str]]:
    """Keys of which the second may not be below the first."""
    for kind in ("consumer", "share", "streams"):
        for what in ("heartbeat.interval.ms", "session.timeout.ms"):
            yield f"group.{kind}.min.{what}", f"group.{kind}.max.{what}"


def _bounded() -> Iterator[tuple[str, str, str]]:
    """Keys that must lie between two others."""
    for kind in ("consumer", "share", "streams"):
        for what in ("heartbeat.interval.ms", "session.timeout.ms", "assignment.interval.ms"):
            yield f"group.{kind}.{what}", f"group.{kind}.min.{what}", f"group.{kind}.max.{what}"
    for what in ("record.lock.duration.ms", "delivery.count.limit", "partition.max.record.locks"):
        yield f"group.share.{what}", f"group.share.min.{what}", f"group.share.max.{what}"


RULES: Final[tuple[Rule, ...]] = (
    _same_id,
    _some_quorum,
    _in_quorum,
    _protocol_map,
    _listeners,
    _advertised,
    _early_start,
    _times,
    _connections,
    _request_memory,
    _cleaner,
    _replicas,
    _offsets_codec,
    _group_protocols,
    _cordoned,
    _one_place_each,
)

_KEY_OF_RULE: Final[dict[Rule, str]] = {
    _connections: "max.connections.per.ip.overrides",
    _protocol_map: "listener.security.protocol.map",
    _listeners: "listeners",
    _advertised: "advertised.listeners",
}
