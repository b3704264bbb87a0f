"""What one broker was told: its properties file, and over it what the cluster's admin changed
since.

`config["log.retention.ms"]` is the value in force, parsed and with Kafka's own derivations done
(milliseconds over minutes over hours, `log.dirs` over `log.dir`, `node.id` and `broker.id` for one
another). A BrokerConfig does not change: `with_dynamic` makes the next one. Values are parsed when
they are first asked for; whether the file as a whole is right is for `ottla.config.check`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ottla.config.listeners import Endpoint, effective_protocol_map, parse_listeners
from ottla.config.quorum import Voter, parse_bootstrap_servers, parse_voters
from ottla.config.refusal import ConfigException
from ottla.config.row import broker_rows
from ottla.config.values import default_value, parse_value
from ottla.config.whole_number import whole_number

_MINUTE_MS: Final = 60_000
_HOUR_MS: Final = 3_600_000

_SLOWER: Final[dict[str, tuple[tuple[str, int], ...]]] = {
    "log.retention.ms": (("log.retention.minutes", _MINUTE_MS), ("log.retention.hours", _HOUR_MS)),
    "log.roll.ms": (("log.roll.hours", _HOUR_MS),),
    "log.roll.jitter.ms": (("log.roll.jitter.hours", _HOUR_MS),),
}
"""Keys in milliseconds and the coarser keys that count where they are not set."""


CONFIGURED_PERIOD_MS_MIN: Final = 50
PERIODS: Final = frozenset(
    (
        "broker.heartbeat.interval.ms",
        "log.flush.offset.checkpoint.interval.ms",
        "log.flush.scheduler.interval.ms",
        "log.retention.check.interval.ms",
        "metadata.max.idle.interval.ms",
        "offsets.retention.check.interval.ms",
        "producer.id.expiration.check.interval.ms",
    )
)
"""Keys that say how often a node does something by itself. A period of a millisecond, or of less
than nothing, would leave it no time for anything else: `CONFIGURED_PERIOD_MS_MIN` is used instead.
"""
ALL_DIRS: Final = "*"
"""What `cordoned.log.dirs` says for all of `log.dirs`."""
MOVES_RATE: Final = "replica.alter.log.dirs.io.max.bytes.per.second"
"""How fast partitions may move between directories; no file can set it, and it has no row."""
OFF_AT_ZERO: Final = frozenset(("metadata.max.idle.interval.ms",))
"""Periods whose 0 means never."""


class BrokerConfig:
    """The configuration of one broker, in force."""

    __slots__ = ("_values", "cluster_dynamic", "dynamic", "explicit")

    def __init__(
        self, properties: Mapping[str, str], *, overrides: Mapping[str, str] | None = None
    ) -> None:
        self.explicit: dict[str, str] = {**properties, **(overrides or {})}
        """What the file and the command line set, as text."""
        self.cluster_dynamic: dict[str, str] = {}
        """What the admin set for every broker."""
        self.dynamic: dict[str, str] = {}
        """What the admin set for this broker."""
        self._values: dict[str, Any] = {}

    def with_dynamic(
        self, *, cluster: Mapping[str, str], broker: Mapping[str, str]
    ) -> BrokerConfig:
        """The same file under other dynamic values; keys that are not dynamic are left out.

        Keys that no broker has stay: nothing reads them, but they can be described and deleted.
        """
        rows = broker_rows()

        def kept(given: Mapping[str, str]) -> dict[str, str]:
            return {k: v for k, v in given.items() if k not in rows or rows[k].dynamic}

        changed = BrokerConfig(self.explicit)
        changed.cluster_dynamic, changed.dynamic = kept(cluster), kept(broker)
        return changed

    def __getitem__(self, name: str) -> Any:
        """The value in force.

        Raises:
            KeyError: no broker has such a key.
            ConfigException: what was set for it is wrong.
        """
        if name not in self._values:
            self._values[name] = self._derived(name)
        return self._values[name]

    def get(self, name: str, default: Any = None) -> Any:
        """The value in force, or `default` for a key that no broker has."""
        return self[name] if name in broker_rows() else default

    def text(self, name: str) -> str | None:
        """What was set for this very key, dynamic before static, or its default."""
        for layer in (self.dynamic, self.cluster_dynamic):
            if name in layer:
                return layer[name]
        found = self.text_of_file(name)
        return broker_rows()[name].default if found is None else found

    def text_of_file(self, name: str) -> str | None:
        """What the file or the command line set; `node.id` and `broker.id` set one another."""
        twin = {"broker.id": "node.id", "node.id": "broker.id"}.get(name, "")
        return self.explicit.get(name, self.explicit.get(twin))

    def set_keys(self) -> list[str]:
        """Every key that is set anywhere."""
        return [*self.dynamic, *self.cluster_dynamic, *self.explicit]

    def of_listener(self, listener: str, key: str) -> Any:
        """What a listener has for itself of a key, in whatever case its name is written; the key's
        default if nothing.
        """
        row = broker_rows()[key]
        wanted = f"listener.name.{listener}.{key}".lower()
        for layer in (self.dynamic, self.cluster_dynamic, self.explicit):
            for name, text in layer.items():
                if name.lower() == wanted:
                    return parse_value(row, text)
        return default_value(row)

    def parsed(self, name: str) -> Any:
        """As `text`, parsed; a default is not validated.

        Raises:
            ConfigException: what was set for it is wrong.
        """
        row = broker_rows()[name]
        text = self.text(name)
        if text is row.default:
            if text == "REQUIRED":
                raise ConfigException(
                    f'Missing required configuration "{name}" which has no default value.'
                )
            return default_value(row)
        return parse_value(row, text)

    def _derived(self, name: str) -> Any:
        value = self.parsed(name)
        if name in _SLOWER and value is None:
            for slower, factor in _SLOWER[name]:
                coarse = self.parsed(slower)
                if coarse is not None:
                    value = coarse * factor
                    break
        if name == "log.retention.ms":
            return max(value, -1)
        if name == "log.flush.interval.ms" and value is None:
            return self.parsed("log.flush.scheduler.interval.ms")
        if name in PERIODS and not (name in OFF_AT_ZERO and value == 0):
            return max(value, CONFIGURED_PERIOD_MS_MIN)
        if name == "log.dirs" and value is None:
            return self["log.dir"]
        return value

    @property
    def node_id(self) -> int:
        """This node's id."""
        found: int = self["node.id"]
        return found

    @property
    def log_dirs(self) -> tuple[str, ...]:
        """The folders that hold its logs."""
        found: tuple[str, ...] = self["log.dirs"]
        return found

    @property
    def cordoned_log_dirs(self) -> tuple[str, ...]:
        """Those of `log.dirs` that take no new partitions (KIP-1066)."""
        cordoned = self["cordoned.log.dirs"] or ()
        return self.log_dirs if ALL_DIRS in cordoned else tuple(cordoned)

    @property
    def moves_bytes_per_second(self) -> int | None:
        """How fast partitions may move between directories; None for as fast as it goes."""
        for layer in (self.dynamic, self.cluster_dynamic):
            if MOVES_RATE in layer:
                return whole_number(layer[MOVES_RATE])
        return None

    @property
    def metadata_log_dir(self) -> str:
        """The folder that holds the metadata log."""
        return self["metadata.log.dir"] or self.log_dirs[0]

    @property
    def unstable_features(self) -> bool:
        """Whether a cluster may be at feature levels that are not stable yet, for tests."""
        return bool(self["unstable.feature.versions.enable"])

    @property
    def process_roles(self) -> tuple[str, ...]:
        """What this process is: broker, controller, or both."""
        found: tuple[str, ...] = self["process.roles"]
        return found

    @property
    def controller_listener_names(self) -> tuple[str, ...]:
        """The listeners that are the controller's, in capitals."""
        return tuple(name.upper() for name in self["controller.listener.names"])

    @property
    def protocol_map(self) -> dict[str, str]:
        """Listener name to security protocol."""
        return effective_protocol_map(
            self["listener.security.protocol.map"],
            explicit="listener.security.protocol.map" in self.explicit,
            listeners=self["listeners"],
            controller_listeners=self.controller_listener_names,
        )

    @property
    def listeners(self) -> tuple[Endpoint, ...]:
        """Where this node listens, controller listeners too."""
        return parse_listeners(self["listeners"], self.protocol_map, distinct_ports=True)

    @property
    def advertised_listeners(self) -> tuple[Endpoint, ...] | None:
        """What the file tells clients to dial; None where it leaves that to the node.

        The controller's listeners are not for clients and left out.
        """
        entries = self["advertised.listeners"]
        if entries is None:
            return None
        found = parse_listeners(entries, self.protocol_map, distinct_ports=False)
        return tuple(e for e in found if e.listener not in self.controller_listener_names)

    @property
    def inter_broker_listener(self) -> str:
        """The name of the listener that brokers would use for one another."""
        name = self["inter.broker.listener.name"] or self["security.inter.broker.protocol"]
        return str(name).upper()

    @property
    def voters(self) -> tuple[Voter, ...]:
        """The static quorum of `controller.quorum.voters`; () where the quorum is dynamic."""
        name = "controller.quorum.voters"
        return parse_voters(name, self[name])

    @property
    def bootstrap_servers(self) -> tuple[tuple[str, int], ...]:
        """Where a node asks for the quorum, of `controller.quorum.bootstrap.servers`."""
        name = "controller.quorum.bootstrap.servers"
        return parse_bootstrap_servers(name, self[name])

    def topic_defaults(self) -> dict[str, Any]:
        """Every topic key with the value of a topic that says nothing itself."""
        from ottla.config.topic import topic_defaults

        return topic_defaults(self)
